"""The comparison as a picture: requests per second of everything that was measured, case by case."""

from collections.abc import Sequence
from pathlib import Path

from tests.bench.compare import Row

_HUB, _OTHER = "#1f7a5c", "#9aa5b1"
NEEDS = "a plot needs matplotlib: pip install matplotlib"


def plot(rows: Sequence[Row], path: Path) -> None:
    """Write a PNG. RuntimeError where matplotlib is not installed."""
    try:
        import matplotlib as mpl
        from matplotlib import pyplot
    except ImportError:
        raise RuntimeError(NEEDS) from None
    mpl.use("Agg")
    cases = list(dict.fromkeys(row.case for row in rows if row.rate))
    figure, axes = pyplot.subplots(len(cases), 1, figsize=(9, 0.9 + 2.2 * len(cases)), squeeze=False)
    for axis, case in zip(axes[:, 0], cases, strict=True):
        mine = [row for row in rows if row.case == case and row.rate][::-1]
        colours = [_HUB if row.subject.startswith("hub") else _OTHER for row in mine]
        bars = axis.barh([row.subject for row in mine], [row.rate for row in mine], color=colours)
        axis.bar_label(bars, [f" {row.rate:,.0f}/s, p99 {row.p99:.1f} ms" for row in mine], fontsize=8)
        axis.set_title(case, loc="left", fontsize=10, fontweight="bold")
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.25)
        axis.tick_params(labelsize=8)
    figure.supxlabel("requests per second, one processor", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
