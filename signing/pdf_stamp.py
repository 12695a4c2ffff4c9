"""The visible stamp of a signature: where it stands, and the small PDF page that is its picture."""

import io
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Final

from pyhanko.pdf_utils import layout
from pyhanko.pdf_utils.content import PdfContent
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.stamp import StaticStampStyle

from signing.errors import Malformed

VIETNAM: Final = timezone(timedelta(hours=7))
MAX_LINE_CHARS: Final = 200
MAX_ART_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class VisibleStamp:
    """`art` is a PDF whose first page is drawn into `box` (left, bottom, right, top, in points) of `page` (from 0).

    See `stamp_lines` for what it has to say, and `signing.stamp_art.drawn` for one that says it.
    """

    art: bytes = field(repr=False)
    box: tuple[int, int, int, int]
    page: int = 0

    def __post_init__(self) -> None:
        left, bottom, right, top = self.box
        if not (left < right and bottom < top):
            raise Malformed("The box of a stamp has a width and a height")
        if len(self.art) > MAX_ART_BYTES:
            raise Malformed("The picture of the stamp is too large")


def stamp_lines(*, signed_by: str, agency: str, at: datetime) -> tuple[str, ...]:
    """What a stamp says, line by line: NĐ 30/2020/NĐ-CP, Phụ lục I, phần I, mục 7 and 8 (time by ISO 8601, +07:00).

    Without an agency the second line is left out. Raises `Malformed` for a time without an offset or a line too long.
    """
    if at.tzinfo is None:
        raise Malformed("The time of a stamp has an offset")
    moment = at.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S +07:00")
    lines = (f"Ký bởi: {signed_by}", f"Cơ quan: {agency}" if agency else "", f"Thời gian: {moment}")
    if any(len(line) > MAX_LINE_CHARS for line in lines):
        raise Malformed("A line of a stamp is too long")
    return tuple(" ".join(line.split()) for line in lines if line)


class _Art(PdfContent):
    """The first page of a PDF as a form of the file that it is put into."""

    def __init__(self, art: bytes) -> None:
        super().__init__()
        self._art = art

    def render(self) -> bytes:
        form = self._ensure_writer.import_page_as_xobject(PdfFileReader(io.BytesIO(self._art)))
        self.resources.xobject["/Art"] = form
        left, bottom, right, top = form.get_object()["/BBox"]
        self.box = layout.BoxConstraints(width=abs(right - left), height=abs(top - bottom))
        return b"/Art Do"


def style_of(stamp: VisibleStamp) -> StaticStampStyle:
    """The stamp in pyHanko's words: no border, no margin, nothing shines through."""
    fitting = layout.SimpleBoxLayoutRule(
        x_align=layout.AxisAlignment.ALIGN_MIN,
        y_align=layout.AxisAlignment.ALIGN_MID,
        margins=layout.Margins(),
    )
    return StaticStampStyle(
        border_width=0, background=_Art(stamp.art), background_layout=fitting, background_opacity=1.0
    )
