"""The lines to platforms: what is written once is never written with another's token, nor with an old one."""

from hub.core.directory import Directory, Platform, Secret, State
from hub.core.party import Party
from hub.partners.calls import Lines, values

HERE, THERE = Party("NL", "HUB"), Party("DE", "MSP")


def platform(number: int, token: str, version: str = "2.2.1") -> Platform:
    return Platform(id=number, name=f"P{number}", state=State.REGISTERED, version=version, authorization=Secret(token))


def headers(lines: Lines, to: Platform, *, body: bool = True) -> dict[str, str]:
    line = lines.to(Directory.of(HERE, [to]), to, f"http://p{to.id}.example/a", body=body)
    return dict(line.headers(values(line, "C", "R", HERE, THERE)))


def test_the_headers_of_a_message():
    assert headers(Lines(), platform(1, "Token one")) == {
        "Authorization": "Token one",
        "Content-Type": "application/json",
        "X-Request-ID": "R",
        "X-Correlation-ID": "C",
        "OCPI-from-country-code": "NL",
        "OCPI-from-party-id": "HUB",
        "OCPI-to-country-code": "DE",
        "OCPI-to-party-id": "MSP",
    }


def test_what_has_no_body_has_no_type_and_the_oldest_version_no_parties():
    lines = Lines()
    assert "Content-Type" in headers(lines, platform(1, "Token one"))
    assert "Content-Type" not in headers(lines, platform(1, "Token one"), body=False)
    assert set(headers(lines, platform(2, "Token two", "2.1.1"), body=False)) == {
        "Authorization",
        "X-Request-ID",
        "X-Correlation-ID",
    }


def test_a_platform_that_changed_is_called_with_its_new_token():
    lines = Lines()
    for token in ("Token one", "Token two"):
        assert headers(lines, platform(1, token))["Authorization"] == token
    assert headers(lines, platform(2, "Token three"))["Authorization"] == "Token three"


def test_those_that_left_are_forgotten():
    lines = Lines()
    for number in range(100):
        headers(lines, platform(number, "Token"))
    assert len(lines) <= 4
