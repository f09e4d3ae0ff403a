"""Two nodes take what one takes, and are not slower for being two, on the same processors."""

import pytest

from tests.bench.cases import bench
from tests.bench.compare import Effort
from tests.bench.nodes import nodes
from tests.bench.wrk import missing
from tests.promises import size

LEAST = 0.7
"""Of one node's rate: a machine that is at work with other things measures badly. docs/scaling.md has the figure."""

pytestmark = [pytest.mark.promise(15), pytest.mark.timeout(size(300, 600))]


@pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")
def test_two_nodes_are_not_slower_than_one(proof, postgresql):
    with bench(Effort(size(1, 5), size(2, 10)), lambda _: None) as opened:
        found = nodes(opened)
    proof.exactly("bad answers of nodes under full load", sum(row.bad for row in found.rows), 0)
    proof.at_least("rate of 2 nodes / 1 on the same processors", round(found.ratios[0].figure, 2), LEAST)
