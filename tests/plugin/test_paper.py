"""Tables as PDF: pages, totals, text that stays text; and what is said where the package is missing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hub.plugin import PdfColumn, table_pdf
from tests.plugin.shipped import pdf_text

COLUMNS = (PdfColumn("Name", 3), PdfColumn("kWh", 1, right=True))
EVIL = "<b>x</b> [red]\x1b[31m\u202e\n" + "long " * 3000


def text_of(folder: Path, pdf: bytes) -> str:
    (folder / "made.pdf").write_bytes(pdf)
    return pdf_text(folder / "made.pdf")


def test_each_page_has_heads_and_a_number_and_the_last_one_the_totals(tmp_path):
    rows = [(f"row {number}", f"{number}.0") for number in range(200)]
    pages = text_of(tmp_path, table_pdf("Log", [("Party", "NL-TNM")], COLUMNS, rows, [("Total", "19900.0")]))
    each = pages.rstrip("\f").split("\f")
    assert all("Name" in page and f"page {number} of {len(each)}" in page for number, page in enumerate(each, 1))
    assert "Total" in each[-1]
    assert all(
        f"row {number}\n" in pages.replace(f" {number}.0", "") or f"row {number} " in pages for number in range(200)
    )


@pytest.mark.promise(13)
def test_text_of_others_is_drawn_and_never_more_than_fits(tmp_path, proof):
    made = table_pdf(EVIL, [(EVIL, EVIL)], COLUMNS, [(EVIL, "1"), ("Жук 虫", "2"), ("", "")], [(EVIL, EVIL)])
    text = text_of(tmp_path, made)
    assert "<b>x</b> [red]" in text
    assert "??? ?" in text
    assert not {"\x1b", "\u202e"} & set(text)
    acts = re.findall(rb"/(?:JavaScript|JS|URI|Launch|SubmitForm|GoToR|RichMedia|EmbeddedFile|Annots)\b", made)
    proof.exactly("PDF: links, scripts and other actions in it", len(acts), 0)


def test_a_font_with_more_letters_is_used(tmp_path):
    found = list(Path("/usr/share/fonts").rglob("DejaVuSans.ttf"))
    if not found:
        pytest.skip("there is no such font here")
    made = table_pdf("Журнал", [], COLUMNS, [("Жук", "2")], [], found[0])
    assert "Жук" in text_of(tmp_path, made)


def test_without_the_package_it_says_what_to_do():
    code = (
        "import sys; sys.modules['fpdf'] = None\n"
        "from hub.plugin import PdfMissing, table_pdf\n"
        "try: table_pdf('', [], [], [], [])\nexcept PdfMissing as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert "pip install 'ocpi-hub[pdf]'" in done.stdout
