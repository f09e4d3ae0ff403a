"""Files for spreadsheets: whatever stands in them, nothing is a formula, and each row is one line."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.sheet import COLUMNS, csv_lines, exchanges_csv

FORMULAS = "=1+1", "+1", "-1", "@SUM(A1)", "=cmd|'/C calc'!A0", '=HYPERLINK("http://evil.example","x")', "＝1", "＠x"
BEFORE = "", " ", "\t", "\r", "\n", "\r\n", "\x00", "\u00a0", "\u3000", "\ufeff", "\u200b", "\x0b", "\x1b", "\x85"
TEXTS = [before + formula for formula in FORMULAS for before in BEFORE]


def is_formula(cell: str) -> bool:
    """As spreadsheets take it, which pass over what can not be seen."""
    return cell.lstrip(" \t\r\n\0\u00a0\u3000\ufeff\u200b\x0b\x1b\x85").startswith(tuple("=+-@＝＋－＠"))


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.promise(13)
def test_no_text_is_a_formula(proof):
    rows = [dict.fromkeys(COLUMNS, text) | {"at": 1} for text in TEXTS]
    written = read(exchanges_csv(rows, header=False)) + read(csv_lines([text] * 20 for text in TEXTS))
    cells = [cell for row in written for cell in row]
    assert len(written) == 2 * len(TEXTS)
    proof.at_least("formulas in CSV: cells tried", len(cells), 5000)
    proof.exactly("formulas in CSV: cells that are one", sum(map(is_formula, cells)), 0)


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_no_text_breaks_out_of_its_cell(texts):
    ((*cells,),) = read(csv_lines([["begin", *texts, "end"]]))
    assert len(cells) == len(texts) + 2
    assert not any(map(is_formula, cells))


def test_a_formula_is_known():
    assert all(map(is_formula, TEXTS))


def test_numbers_stay_numbers():
    assert csv_lines([(-1, 2.5, None)]) == "-1,2.5,\r\n"
