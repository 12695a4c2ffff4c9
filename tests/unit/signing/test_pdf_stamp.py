import io
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from signing.errors import Malformed
from signing.pdf import Level, VisibleStamp, stamp_lines, validate
from signing.stamp_art import drawn
from tests.unit.signing.pki_world import NOW, World, printed

AT = datetime(2026, 12, 31, 17, 5, 9, tzinfo=UTC)
LETTERS = ("Ăăằẳẵắặ Ââầẩẫấậ Đđ Êêềểễếệ", "Ôôồổỗốộ Ơơờởỡớợ Ưưừửữứự Ỳỷỹýỵ ẤỔỄỰ")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("pki"))
    yield made
    made.server.stop()


def stamp(lines: tuple[str, ...], *, page: int = 0) -> VisibleStamp:
    return VisibleStamp(drawn(lines, width=260, height=90), box=(300, 60, 560, 150), page=page)


def text_of(pdf: bytes, folder: Path) -> str:
    file = folder / "read.pdf"
    file.write_bytes(pdf)
    return subprocess.run(
        ["/usr/bin/pdftotext", "-layout", file, "-"], capture_output=True, check=True
    ).stdout.decode()


def test_a_stamp_says_who_for_whom_and_when_in_the_time_of_vietnam() -> None:
    expected = (
        "Ký bởi: Nguyễn Thị Ước",
        "Cơ quan: Sở Tư pháp tỉnh Đắk Lắk",
        "Thời gian: 01/01/2027 00:05:09 +07:00",
    )
    assert expected == stamp_lines(signed_by="Nguyễn Thị  Ước", agency="Sở Tư pháp tỉnh Đắk Lắk", at=AT)
    assert expected[::2] == stamp_lines(signed_by="Nguyễn Thị Ước", agency="", at=AT)


def test_a_stamp_without_an_offset_or_end_is_refused() -> None:
    with pytest.raises(Malformed):
        stamp_lines(signed_by="A", agency="", at=AT.replace(tzinfo=None))
    with pytest.raises(Malformed):
        stamp_lines(signed_by="A" * 201, agency="", at=AT)


@pytest.mark.parametrize("level", [Level.B_B, Level.B_LTA])
def test_a_stamp_is_seen_and_read_in_the_signed_file(world: World, tmp_path: Path, level: Level) -> None:
    lines = (*stamp_lines(signed_by="Sở Tư pháp", agency="Ủy ban nhân dân tỉnh", at=AT), *LETTERS)
    made = world.pdf_signer().sign(
        printed("Quyết định"), reason="Ký", location="Huế", at=NOW, level=level, stamp=stamp(lines)
    )
    verdict = validate(made.pdf, world.trust(), at=NOW)
    assert (True, level) == (verdict.good, verdict.level)
    read = text_of(made.pdf, tmp_path)
    assert [] == [line for line in lines if line not in read]


def test_a_stamp_stands_on_the_page_that_was_named(world: World) -> None:
    pdf = printed("một #pagebreak() hai")
    made = (
        world.pdf_signer().sign(pdf, reason="", location="", at=NOW, stamp=stamp(("Ký bởi: A",), page=1)).pdf
    )
    pages = PdfFileReader(io.BytesIO(made)).root["/Pages"]["/Kids"]
    assert ("/Annots" in pages[0], "/Annots" in pages[1]) == (False, True)
    assert [300, 60, 560, 150] == [int(each) for each in pages[1]["/Annots"][0]["/Rect"]]


def test_text_with_marks_of_the_template_is_drawn_as_text(tmp_path: Path) -> None:
    line = 'a#b *c* _d_ $e$ "f" \\ [g] <h> // i'
    assert line in text_of(drawn((line,), width=260, height=60), tmp_path)


def test_the_font_is_inside_of_the_picture() -> None:
    art = drawn(LETTERS, width=260, height=60)
    assert re.search(rb"/FontFile[23]", art)


@pytest.mark.parametrize("box", [(0, 0, 0, 10), (0, 0, 10, 0), (10, 0, 5, 10)])
def test_a_box_without_an_area_is_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(Malformed):
        VisibleStamp(b"", box=box)


@pytest.mark.parametrize("art", [b"", b"no pdf", b"%PDF-1.7\n"])
def test_a_picture_that_is_no_pdf_is_refused(world: World, art: bytes) -> None:
    with pytest.raises(Malformed):
        world.pdf_signer().sign(
            printed("x"), reason="", location="", at=NOW, stamp=VisibleStamp(art, box=(0, 0, 10, 10))
        )


def test_a_page_that_is_not_there_is_refused(world: World) -> None:
    with pytest.raises(Malformed):
        world.pdf_signer().sign(printed("x"), reason="", location="", at=NOW, stamp=stamp(("A",), page=7))
