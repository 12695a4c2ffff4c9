"""Small papers that are what they say they are."""

import io
import zipfile


def pdf(words: str = "", *, size: int = 0, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A whole PDF of one empty page, padded with a comment to `size` bytes if that is more."""
    body = b"%PDF-1.4\n% " + words.encode() + b"\n"
    places = []
    for number, text in enumerate(
        (
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        ),
        start=1,
    ):
        places.append(len(body))
        body += b"%d 0 obj" % number + text + b"endobj\n"
    rest = b"xref\n0 4\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % each for each in places)
    rest += b"trailer<</Size 4" + trailer + b">>\nstartxref\n%010d\n%%%%EOF\n"
    padding = max(0, size - len(body) - len(rest % 0))
    if padding:
        body += b"%" + b"x" * (padding - 2) + b"\n"
    return body + rest % len(body)


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()
