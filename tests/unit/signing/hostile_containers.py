"""Containers as somebody would make them who wants to be believed: each with what is said of it.

Where their maker has the container's key (`ours`), only the log and the form can speak against them. The verifier and
the page are both held to these words.
"""

import io
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.signing.container_parts import (
    Parts,
    certificate_of,
    manifest_of,
    pack,
    signed,
    spelled,
    unzipped,
    zipped,
)

STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
WHOLE = Parts().packed()
NOT_THAT_ZIP = "The directory of the container is not that of its files"
NOT_CANONICAL = "cannot be read as canonical JSON"


def told(change: Callable[[dict[str, Any]], object]) -> bytes:
    """A container whose evidence was changed by who has its key."""
    parts = Parts()
    evidence = parts.evidence()
    change(evidence)
    files = {**parts.files(), "evidence.json": spelled(evidence).encode()}
    return pack(files)


def spelling(old: str, new: str) -> bytes:
    """A container whose evidence says the same in another spelling."""
    files = Parts().files()
    text = files["evidence.json"].decode()
    assert old in text
    return pack({**files, "evidence.json": text.replace(old, new, 1).encode()})


def leaf_spelling(change: Callable[[str], str]) -> bytes:
    """A leaf in another spelling that the log has sealed: its path holds, and its text has a second meaning."""
    parts = Parts()
    parts.respelled = {2: change}
    return parts.packed()


def files_of(data: bytes) -> list[tuple[str, bytes]]:
    return list(unzipped(data).items())


def with_bytes(extra: bytes) -> bytes:
    """Bytes that belong to no file, before the directory; its end is told where it is then."""
    count, size, at = struct.unpack("<HLL", WHOLE[-12:-2])
    end = WHOLE[-22:-12] + struct.pack("<HLL", count, size, at + len(extra)) + WHOLE[-2:]
    return WHOLE[:at] + extra + WHOLE[at:-22] + end


def _overlapping() -> bytes:
    """Two entries of the directory that lead to the same bytes."""
    count, _, at = struct.unpack("<HLL", WHOLE[-12:-2])
    first = WHOLE[at : at + 46 + len("mimetype")]
    listed = WHOLE[at:-22] + first
    return (
        WHOLE[:at]
        + listed
        + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count + 1, count + 1, len(listed), at, 0)
    )


def _commented() -> bytes:
    return WHOLE[:-2] + struct.pack("<H", 5) + b"hello"


def _deflated() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files_of(WHOLE):
            kind = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            made = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            made.external_attr, made.compress_type = 0o100644 << 16, kind
            archive.writestr(made, content)
    return out.getvalue()


def _named(name: str) -> bytes:
    return pack({**Parts().files(), name: b"x"})


def _with_part(name: str, content: bytes) -> bytes:
    parts = [(each, content if each == name else kept) for each, kept in files_of(WHOLE)]
    return zipped(parts)


def zips() -> Iterator[tuple[str, bytes, str]]:
    """Not the one ZIP that its files make."""
    parts = files_of(WHOLE)
    yield "bytes before it", b"x" + WHOLE, "no container"
    yield "bytes behind it", WHOLE + b"x", NOT_THAT_ZIP
    yield "bytes between files and directory", with_bytes(b"hidden"), NOT_THAT_ZIP
    yield "a comment", _commented(), NOT_THAT_ZIP
    yield "a comment to a file", zipped(parts, comment=b"x"), NOT_THAT_ZIP
    yield "extra fields", zipped(parts, extra=b"\x00\x00\x01\x00x"), "The header of mimetype"
    yield "another time", zipped(parts, date_time=(2026, 11, 24, 0, 0, 0)), "The header of mimetype"
    yield "other rights of a file", zipped(parts, external_attr=0o120777 << 16), NOT_THAT_ZIP
    yield "entries that overlap", _overlapping(), NOT_THAT_ZIP
    yield "packed files", _deflated(), "README.txt"
    yield "cut off", WHOLE[:-1], NOT_THAT_ZIP
    yield "cut off in a file", WHOLE[: len(WHOLE) // 2], "is cut off"
    yield "a second directory", WHOLE + WHOLE[struct.unpack("<L", WHOLE[-6:-2])[0] :], NOT_THAT_ZIP
    yield "a file twice", zipped([*parts, parts[1]]), f"{parts[1][0]} stands twice"
    yield "a file twice in other letters", _named("readme.TXT"), "stands twice in the container"
    yield "reordered files", zipped([parts[0], parts[2], parts[1], *parts[3:]]), "stand out of order"
    yield "mimetype not first", zipped([*parts[1:], parts[0]]), "no container"
    yield "without its mimetype", zipped(parts[1:]), "no container"
    yield "another mimetype", _with_part("mimetype", b"application/zip"), "no container"
    for name in (
        "../out.txt",
        "/out.txt",
        "a//b",
        "a\\b",
        "giấy.pdf",
        "con.",
        "a b",
        "C:x",
        ".hidden",
        "a" * 201,
    ):
        yield f"the name {name[:12]}", _named(name), "has a name that is not allowed"
    yield (
        "more than a thousand files",
        zipped([*parts[:1], *((f"f{n}", b"") for n in range(1_001))]),
        NOT_THAT_ZIP,
    )


def spellings() -> Iterator[tuple[str, bytes, str]]:
    """JSON that could be read in two ways, or that is not spelled in the one way."""
    yield "a name twice", spelling('"size":11', '"size":11,"size":11'), NOT_CANONICAL
    yield "a blank", spelling('"size":11', '"size": 11'), NOT_CANONICAL
    yield "members in another order", spelling('"size":11,"v":1', '"v":1,"size":11'), NOT_CANONICAL
    yield "a fraction", spelling('"size":11', '"size":11.0'), NOT_CANONICAL
    yield "a half", spelling('"size":11', '"size":11.5'), NOT_CANONICAL
    yield "an exponent", spelling('"size":11', '"size":11e0'), NOT_CANONICAL
    yield "a number too large", spelling('"size":11', '"size":9007199254740993'), NOT_CANONICAL
    yield "a number of ten thousand digits", spelling('"size":11', f'"size":{"9" * 10_000}'), NOT_CANONICAL
    yield "minus nothing", spelling('"v":1', '"v":-0'), NOT_CANONICAL
    yield "no number", spelling('"size":11', '"size":NaN'), NOT_CANONICAL
    yield "an escape", spelling('"case_code":"H', '"case_code":"\\u0048'), NOT_CANONICAL
    yield "half a letter", spelling('"case_code":"H', '"case_code":"\\ud800H'), NOT_CANONICAL
    yield "a name that is not ASCII", spelling('"v":1', '"v":1,"ví":1'), NOT_CANONICAL
    yield "nested deep", spelling('"v":1', f'"v":{"[" * 17}{"]" * 17}'), NOT_CANONICAL
    yield "nested very deep", spelling('"v":1', f'"v":{"[" * 5_000}{"]" * 5_000}'), NOT_CANONICAL
    yield "a mark before it", pack(_marked()), NOT_CANONICAL
    yield "a list", pack({**Parts().files(), "evidence.json": b"[]"}), NOT_CANONICAL
    yield "not UTF-8", pack({**Parts().files(), "evidence.json": b'{"a":"\xff"}'}), NOT_CANONICAL
    twice = leaf_spelling(lambda text: text.replace('"v":1', '"to":"registered","v":1'))
    yield "a leaf with a name twice", twice, f"event 3 {NOT_CANONICAL}"
    blank = leaf_spelling(lambda text: text.replace(":", ": ", 1))
    yield "a leaf with a blank", blank, f"event 3 {NOT_CANONICAL}"


def _marked() -> Mapping[str, bytes]:
    files = Parts().files()
    return {**files, "evidence.json": b"\xef\xbb\xbf" + files["evidence.json"]}


def stories() -> Iterator[tuple[str, bytes, str]]:
    """Well formed, and told by who has the container's key."""
    yield "another version", told(lambda all_: all_.update(v=2)), "of another version"
    yield "another size", told(lambda all_: all_.update(size=12)), "of another checkpoint"
    yield (
        "another name of the log",
        told(lambda all_: all_["log"].update(origin="x")),
        "of another checkpoint",
    )
    yield "no case is opened", told(_shut), "Event 2 is foreign: it is of another case"
    yield "forgotten, and still opened", told(_half_forgotten), "case of event 1 is not what was recorded"
    yield (
        "forgotten at no time",
        told(lambda all_: all_.update(forgotten_at="24/11/2026")),
        "forgotten_at is missing",
    )
    yield "forgotten at a time that never was", told(_never), "forgotten_at is missing"
    yield (
        "a salt too many",
        told(lambda all_: all_["events"][0]["opened"]["case"].update(more=1)),
        "case of event 1",
    )
    yield "another salt", told(_resalted), "case of event 1 is not what was recorded"
    yield "an opened name of nothing", told(_opened_more), "toString of event 1 is not what was recorded"
    yield (
        "true for a number",
        told(lambda all_: all_["events"][0].update(index=True)),
        "index is missing or wrong",
    )
    yield "a path of other letters", told(_shouted), "Event 1 does not stand in the log"
    yield (
        "a foreign file",
        pack({**Parts().files(), "more.txt": b"more"}),
        "more.txt is foreign: no event issued it",
    )
    yield "a foreign paper", pack({**Parts().files(), "papers/f9.pdf": b"%PDF"}), "papers/f9.pdf is foreign"
    yield "a foreign order", pack({**Parts().files(), "orders/9.http": b"POST"}), "orders/9.http is foreign"
    other = {**Parts().files(), "orders/4.http": b"POST / HTTP/1.1\r\n\r\n"}
    yield "another order", pack(other), "orders/4.http is not the one that was issued"
    yield "another paper", _paper(b"%PDF other"), "papers/f1.pdf is not the one that was issued"
    yield "a paper missing", _paper(None), "papers/f1.pdf is missing"
    xml = {**Parts().files(), "receipts/H28-26E-0000001.xml": b"<other/>"}
    yield "another receipt in XML", pack(xml), "receipts/H28-26E-0000001.xml is not the one that was issued"


def _paper(content: bytes | None) -> bytes:
    files = {**Parts().files(), "papers/f1.pdf": content or b""}
    if content is None:
        del files["papers/f1.pdf"]
    return pack(files)


def _inherited(whole: dict[str, Any]) -> None:
    whole["__proto__"] = {"size": whole.pop("size")}


def _shut(whole: dict[str, Any]) -> None:
    del whole["events"][1]["opened"]["case"]


def _half_forgotten(whole: dict[str, Any]) -> None:
    whole["forgotten_at"] = "2026-12-24T02:55:00.000000Z"


def _never(whole: dict[str, Any]) -> None:
    whole["forgotten_at"] = "2026-02-30T02:55:00.000000Z"


def _resalted(whole: dict[str, Any]) -> None:
    whole["events"][0]["opened"]["case"]["salt"] = "ab" * 32


def _opened_more(whole: dict[str, Any]) -> None:
    whole["events"][0]["opened"]["toString"] = {"value": 1, "salt": "ab" * 32}


def _shouted(whole: dict[str, Any]) -> None:
    whole["events"][0]["path"][0] = whole["events"][0]["path"][0].upper()


def signatures() -> Iterator[tuple[str, bytes, str]]:
    """Of the log and of the container."""
    foreign = Parts()
    foreign.key = STRANGER
    yield "the log of another", foreign.packed(), "The container is of another log (log.example/log, "
    note = Parts().checkpoint()
    yield "a checkpoint nobody signed", _noted(note.replace("— ", "- ")), "not signed by this log"
    yield "a checkpoint of another size", _noted(note.replace("\n11\n", "\n12\n")), "not signed by this log"
    loose = note.rstrip("\n") + "=\n"
    yield "a signature in loose Base64", _noted(loose), "not signed by this log"
    key = ec.generate_private_key(ec.SECP256R1())
    files = Parts().files()
    mine = signed(manifest_of(files), key, certificate_of(key, "Kẻ khác"))
    yield (
        "bound again by another",
        pack(files, signature=mine),
        "The container is signed by Kẻ khác, who is not under",
    )
    namesake = signed(manifest_of(files), key, certificate_of(key, "Cổng 4"))
    yield "bound again under our name", pack(files, signature=namesake), "signed by Cổng 4, who is not under"
    turned = signed(manifest_of(files), key, certificate_of(key, "Cổng\u202e4\x1b[2J"))
    yield "a name that moves the cursor", pack(files, signature=turned), "signed by Cổng?4?[2J, who is not"
    whole = signed(manifest_of(files))
    yield "bytes behind the signature", pack(files, signature=whole + b"\x00"), "cannot be read"
    attached = signed(manifest_of(files), attached=True)
    yield "a signature that brings its own content", pack(files, signature=attached), "cannot be read"
    for name, change in {
        "a manifest with a comment": lambda text: text.replace("<asic:Sig", "<!-- x --><asic:Sig"),
        "a manifest in another order": _turned,
        "a manifest that names a file twice": lambda text: text.replace(
            "</asic:ASiCM", _first_of(text) + "</asic:ASiCM"
        ),
        "a manifest with a blank": lambda text: text.replace("/><ds:DigestV", "/> <ds:DigestV", 1),
        "a manifest with another algorithm": lambda text: text.replace("xmlenc#sha256", "xmldsig#sha1", 1),
    }.items():
        text = change(manifest_of(files).decode()).encode()
        yield (
            name,
            pack(files, manifest=text, signature=signed(text)),
            "The manifest of the container cannot be read",
        )


def _noted(note: str) -> bytes:
    return pack({**Parts().files(), "checkpoint.txt": note.encode()})


def _references(text: str) -> list[str]:
    return [f"<asic:DataObjectReference{each}" for each in text.split("<asic:DataObjectReference")[1:]]


def _first_of(text: str) -> str:
    return _references(text)[0]


def _turned(text: str) -> str:
    first, second, *_ = _references(text)
    return text.replace(first + second, second + first)


def all_of_them() -> dict[str, tuple[bytes, str]]:
    """Each container by its name, with the words that have to be said of it."""
    made = [*zips(), *spellings(), *stories(), *signatures()]
    found = {name: (data, words) for name, data, words in made}
    assert len(made) == len(found), "each has a name of its own"
    return found


HOSTILE = all_of_them()
