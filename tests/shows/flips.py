"""What `verify` says of a container of a real case with one byte flipped in each part of it, and of other alterations.

A case is handed in, paid and receipted in a throw-away installation; its container is altered in every part that the
ZIP has (name, header, content, directory, end) and in its order, its files and its signer. Nothing altered may hold.
"""

import struct
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.service import evidence, receipts, sealing
from gateway.store import embedded
from signing import asic, asic_zip, verifier
from signing.signer import KeySigner
from tests.unit.signing.container_parts import certificate_of

Altered = Iterator[tuple[str, str, bytes]]
META = "META-INF/"
BITS = 0x01


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ BITS]) + data[at + 1 :]


def flips(whole: bytes) -> Altered:
    """One byte in each part: part, what was changed, and the container."""
    at = 0
    while whole[at : at + 4] == b"PK\x03\x04":
        size, name_size = struct.unpack_from("<LH", whole, at + 22)
        name = whole[at + 30 : at + 30 + name_size].decode()
        content = at + 30 + name_size
        yield name, "one bit of its header", flipped(whole, at + 10)
        yield name, "one bit of its check sum", flipped(whole, at + 14)
        yield name, "one bit of its size", flipped(whole, at + 22)
        yield name, "one bit of its name", flipped(whole, at + 30)
        for where, place in (("first", 0), ("middle", size // 2), ("last", size - 1)):
            yield name, f"one bit of its {where} byte", flipped(whole, content + place)
        at = content + size
    end = len(whole) - 22
    for where, place in (("first", at), ("middle", (at + end) // 2), ("last", end - 1)):
        yield "directory", f"one bit of its {where} byte", flipped(whole, place)
    for place in range(end, len(whole)):
        yield "end of the ZIP", f"one bit of byte {place - end}", flipped(whole, place)


def signature_flips(whole: bytes) -> Altered:
    """Every byte of the signature in its turn, with the ZIP made anew over it: no check sum speaks against it."""
    files = asic_zip.read(whole)
    signature = files[asic.asic_manifest.SIGNATURE]
    for at in range(len(signature)):
        changed = {**files, asic.asic_manifest.SIGNATURE: flipped(signature, at)}
        yield "signature", f"one bit of byte {at}", asic_zip.write(changed)


def rebuilt(whole: bytes) -> Altered:
    """Files changed, left out, added, renamed and reordered, in a ZIP that is whole in itself."""
    files = asic_zip.read(whole)
    names = [name for name in files if name != "mimetype"]
    for name in names:
        content = files[name]
        yield (
            name,
            "one bit, the ZIP made anew",
            asic_zip.write({**files, name: flipped(content, len(content) // 2)}),
        )
        rest = {each: kept for each, kept in files.items() if each != name}
        yield name, "left out", asic_zip.write(rest)
        renamed = {f"{each}.bak" if each == name else each: kept for each, kept in files.items()}
        yield name, "renamed", asic_zip.write(renamed)
    yield "files", "one more added", asic_zip.write({**files, "more.txt": b"more"})
    first, *others = list(files)
    yield "files", "reordered", asic_zip.write({each: files[each] for each in (first, *reversed(others))})
    yield "files", "bytes behind the ZIP", whole + b"\0"


def bound_again(whole: bytes) -> Altered:
    """By a signer of nobody's who has the same name: as it was, and with another story."""
    key = ec.generate_private_key(ec.SECP256R1())
    stranger = KeySigner(key, certificate_of(key, "Cổng 4"), ())
    files = {
        name: content
        for name, content in asic_zip.read(whole).items()
        if name != "mimetype" and not name.startswith(META)
    }
    at = datetime.now(UTC)
    yield "signer", "bound again by another", asic.build(files, stranger, at)
    told = files["evidence.json"].replace(b"payment.succeeded", b"payment.collected")
    yield (
        "signer",
        "bound again by another, told otherwise",
        asic.build({**files, "evidence.json": told}, stranger, at),
    )
    without = {name: content for name, content in files.items() if name != "README.txt"}
    yield "signer", "bound again by another, README left out", asic.build(without, stranger, at)


def said(data: bytes, key: str, root: x509.Certificate) -> str | None:
    """What is said against a container; None where it is held to be valid."""
    try:
        verifier.check(data, key=key, root=root)
    except verifier.Broken as broken:
        return str(broken).partition(" / ")[2]
    return None


def table(whole: bytes, key: str, root: x509.Certificate) -> list[tuple[str, str, str | None]]:
    """Part, what was changed, and what was said: a row for each alteration. The whole one has to hold."""
    assert said(whole, key, root) is None
    made = (maker(whole) for maker in (flips, signature_flips, rebuilt, bound_again))
    return [(part, what, said(data, key, root)) for altered in made for part, what, data in altered]


def of_a_paid_case(folder: Path) -> tuple[bytes, str, x509.Certificate]:
    """The container of a case that was handed in, paid and receipted; the log's key, and the signer's root."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "service"))
    from service_wires import ipn  # noqa: PLC0415 - that folder is no package
    from service_world import NOW, opened_world  # noqa: PLC0415 - as above

    server = embedded.start(folder / "pg")
    try:
        with opened_world(server.url, folder / "var") as world:
            case_code = world.case()
            payment_id, reference = world.started(case_code)
            world.hear("vnpay", ipn(reference, number="19000077"))
            receipts.issue(world.context, payment_id, NOW)
            while sealing.seal(world.context, NOW):
                pass
            whole = evidence.container(world.context, world.caller, case_code, with_person=False, now=NOW)
            return whole, world.context.notary.key, world.house.papers.root()
    finally:
        server.server.cleanup()


def main(_: Sequence[str] = ()) -> int:
    """Prints the table (the signature's bytes by what was said of them); 1 where anything altered is said to hold."""
    with tempfile.TemporaryDirectory(prefix="cong4-") as folder:
        rows = table(*of_a_paid_case(Path(folder)))
    shown = [row for row in rows if row[0] != "signature"]
    words = {row[2] for row in rows if row[0] == "signature"}
    for word in sorted(words, key=str):
        many = sum(1 for part, _, each in rows if part == "signature" and each == word)
        shown.append(("signature", f"one bit, each of {many} bytes", word))
    lines = ["part | what was changed | verify said", "--- | --- | ---"]
    lines += [f"{part} | {what} | {word or 'VALID'}" for part, what, word in shown]
    passed = [row for row in rows if row[2] is None]
    sys.stdout.write(
        "\n".join([*lines, f"{len(rows)} alterations, {len(passed)} of them held to be valid", ""])
    )
    return 1 if passed else 0
