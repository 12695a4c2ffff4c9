"""Draws the picture of a visible stamp with typst, whose wheel has a font with every Vietnamese letter."""

from collections.abc import Sequence
from functools import cache
from typing import Final

import typst

from signing.errors import Malformed

# Upright serif letters of 10 points in black, as NĐ 30/2020/NĐ-CP, Phụ lục I asks for
_TEMPLATE: Final = b"""
#set page(width: float(sys.inputs.width) * 1pt, height: float(sys.inputs.height) * 1pt, margin: 3pt, fill: none)
#set text(font: "Libertinus Serif", size: 10pt, lang: "vi", fill: black, hyphenate: false)
#set par(leading: 0.45em)
#set align(left + horizon)
#for line in sys.inputs.lines.split("\\n") [#text(line) \\ ]
"""


def drawn(lines: Sequence[str], *, width: int, height: int) -> bytes:
    """The lines as a PDF page of that size in points, its font inside. Raises `Malformed` for what cannot be drawn."""
    inputs = {"lines": "\n".join(lines), "width": str(width), "height": str(height)}
    try:
        art = typst.compile(_TEMPLATE, format="pdf", sys_inputs=inputs, font_paths=_fonts())
    except (RuntimeError, typst.TypstError) as error:
        raise Malformed("The stamp cannot be drawn") from error
    assert isinstance(art, bytes)
    return art


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
