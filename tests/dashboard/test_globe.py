"""The plot of locations: whatever is there is on the sheet, and a look closer leads closer."""

from hypothesis import given
from hypothesis import strategies as st

from hub.core.places import Area
from hub.dashboard.globe import BOTTOM, HEIGHT, LEFT, WIDTH, cell, framed, further, sheet
from hub.store.places import Cluster, Found

HERE = Area(4_000_000, 51_000_000, 6_000_000, 53_000_000)
EDGES = st.tuples(st.integers(-180_000_000, 180_000_000), st.integers(-90_000_000, 90_000_000))


def found(longitude, latitude, evses=1, free=0, busy=0, broken=0):
    return Found(latitude, longitude, evses, free, busy, broken, position=1, owner="NL-CPO", object_id="L1")


@st.composite
def areas(draw):
    (one, two), (three, four) = draw(EDGES), draw(EDGES)
    return Area(min(one, three), min(two, four), max(one, three), max(two, four))


@given(areas())
def test_a_frame_has_all_of_it_and_is_on_the_globe(area):
    frame = framed(area)
    assert frame.west <= area.west
    assert frame.east >= area.east
    assert frame.south <= area.south
    assert frame.north >= area.north
    assert -180_000_000 <= frame.west < frame.east <= 180_000_000
    assert -90_000_000 <= frame.south < frame.north <= 90_000_000


@given(areas(), st.data())
def test_marks_lie_on_the_sheet(area, data):
    frame = framed(area)
    at = found(data.draw(st.integers(frame.west, frame.east)), data.draw(st.integers(frame.south, frame.north)))
    drawn = sheet(frame, (), [at])
    (mark,) = drawn.marks
    assert LEFT <= mark.x <= WIDTH
    assert 0 <= mark.y <= HEIGHT - BOTTOM
    assert 1 <= len(drawn.parallels) <= 15
    assert len({tick.label for tick in drawn.parallels}) == len(drawn.parallels)
    assert len({tick.label for tick in drawn.meridians}) == len(drawn.meridians)


def test_one_point_has_a_frame():
    frame = framed(Area(5_000_000, 52_000_000, 5_000_000, 52_000_000))
    assert frame.north - frame.south == 2000
    assert sheet(frame, (), ()).kilometres == "50 m"


def test_shapes_tell_how_a_location_is():
    places = [
        found(5_000_000, 52_000_000, 3, free=1, broken=2),
        found(5_000_000, 52_000_000, 2, busy=2),
        found(5_000_000, 52_000_000, 2, broken=2),
        found(5_000_000, 52_000_000, 0),
    ]
    marks = sheet(framed(HERE), (), places).marks
    assert [each.kind for each in marks] == ["free", "busy", "broken", "unknown"]
    assert marks[0].says == "L1: 1 available, 2 out of order"
    assert marks[3].says == "L1: no EVSE"
    assert marks[0].where == "52.0000° N, 5.0000° E"


def test_rings_tell_shares_and_a_look_closer():
    frame = framed(HERE)
    many = Cluster(52_000_000, 5_000_000, 8, 4, 2, 1, column=9, row=5, locations=12_345)
    (mark,) = sheet(frame, [many], ()).marks
    assert [(each.kind, each.begin, each.length) for each in mark.shares] == [
        ("free", 0, 50),
        ("busy", 50, 25),
        ("broken", 75, 12.5),
        ("unknown", 87.5, 12.5),
    ]
    assert mark.label == "12.3k"
    wide, high = cell(frame)
    assert mark.area == Area(
        frame.west + 9 * wide, frame.south + 5 * high, frame.west + 10 * wide, frame.south + 6 * high
    )
    assert mark.closer.count(",") == 3


def test_circles_stay_in_their_cells():
    frame = framed(HERE)
    wide, high = cell(frame)
    corners = [
        Cluster(frame.south + row * high, frame.west + column * wide, 1, 1, 0, 0, column=column, row=row, locations=9)
        for column in (3, 4)
        for row in (3, 4)
    ]
    marks = sheet(frame, corners, ()).marks
    for one in marks:
        for other in marks:
            apart = ((one.x - other.x) ** 2 + (one.y - other.y) ** 2) ** 0.5
            assert one is other or apart >= one.radius + other.radius


def test_further_out_ends_with_the_globe():
    area = framed(HERE)
    for _ in range(12):
        area = further(area)
    assert area.north - area.south == 180_000_000
