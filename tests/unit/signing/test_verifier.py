"""The verifier that an auditor is handed: what it says of a whole container, and of each way to tamper with one.

The containers are made by hand and signed by another library, so nothing here is held against its own maker.
"""

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from signing import asic, verifier
from signing.signer import KeySigner
from signing.verifier import Broken
from tests.unit.signing.container_parts import (
    AT,
    CASE,
    LEAVES,
    MANIFEST,
    OTHER_ROOT,
    ROOT,
    ROOT_KEY,
    SIGNER,
    SIGNER_KEY,
    Parts,
    leaf,
    log_key,
    manifest_of,
    pack,
    sha,
    signed,
    spelled,
)

WHOLE = Parts().packed()
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def said(data: bytes, **given_: object) -> str:
    """What is said of a container that does not hold."""
    with pytest.raises(Broken) as broken:
        verifier.check(data, key=log_key(), root=ROOT, **given_)  # type: ignore[arg-type]
    return str(broken.value)


def test_a_whole_container_is_told_in_one_sentence() -> None:
    proof = verifier.check(WHOLE, key=log_key(), root=ROOT)
    assert (CASE, len(LEAVES), 11) == (proof.case_code, proof.events, proof.size)
    assert ("H28-26E-0000001",) == proof.receipts
    assert "Cổng 4" == proof.signed_by
    assert proof.sentence().startswith(f"Hồ sơ {CASE}: 7 sự kiện từ 2026-11-24T02:55:01.000000Z")
    assert f"Case {CASE}: 7 events" in proof.sentence()
    assert "compare" not in proof.sentence()


def test_without_the_published_key_it_says_whose_word_it_takes() -> None:
    proof = verifier.check(WHOLE)
    assert not proof.key_given
    assert "compare it with the published one" in proof.sentence()


Change = Callable[[Parts], None]


def altered(change: Change) -> bytes:
    """A container that somebody with our container's key made of changed parts: only the log can speak against it."""
    parts = Parts()
    change(parts)
    return parts.packed()


def _drop(at: int) -> Change:
    def change(parts: Parts) -> None:
        whole = parts.evidence()
        del whole["events"][at]
        parts.evidence = lambda: whole  # type: ignore[method-assign]

    return change


def _swap(parts: Parts) -> None:
    whole = parts.evidence()
    whole["events"][4], whole["events"][5] = whole["events"][5], whole["events"][4]
    parts.evidence = lambda: whole  # type: ignore[method-assign]


def _tell(at: int, name: str, value: object) -> Change:
    """Another word in a leaf, with paths and checkpoint as they were."""

    def change(parts: Parts) -> None:
        whole = parts.evidence()
        whole["events"][at]["leaf"] = spelled({**parts.leaves[at], name: value})
        parts.evidence = lambda: whole  # type: ignore[method-assign]

    return change


def _opened(name: str, value: object) -> Change:
    def change(parts: Parts) -> None:
        whole = parts.evidence()
        whole["events"][2]["opened"][name]["value"] = value
        parts.evidence = lambda: whole  # type: ignore[method-assign]

    return change


TAMPERED: dict[str, tuple[Change, str]] = {
    "an event is told otherwise": (_tell(5, "to", "failed"), "Event 6 does not stand in the log"),
    "a time is told otherwise": (
        _tell(0, "recorded_at", "2026-11-23T02:55:01.000000Z"),
        "Event 1 does not stand",
    ),
    "an event in the middle is left out": (_drop(4), "An event before event 5 is missing"),
    "the first event is left out": (_drop(0), "An event before event 2 is missing"),
    "two events change places": (_swap, "Event 6 stands out of order"),
    "another reason is opened": (_opened("reason", "vì khác"), "reason of event 3 is not what was recorded"),
    "another case is opened": (
        _opened("case", "H28-261124-0002"),
        "case of event 3 is not what was recorded",
    ),
    "another case is named": (lambda parts: setattr(parts, "case_code", "H28-1"), "Event 1 is foreign"),
    "the log is another one": (lambda parts: setattr(parts, "key", STRANGER), "not signed by this log"),
    "a receipt is missing": (
        lambda parts: parts.papers.pop("receipts/H28-26E-0000001.pdf"),  # type: ignore[return-value]
        "receipts/H28-26E-0000001.pdf is missing",
    ),
    "a receipt is another one": (
        lambda parts: parts.papers.update({"receipts/H28-26E-0000001.pdf": b"%PDF other"}),
        "receipts/H28-26E-0000001.pdf is not the one that was issued",
    ),
    "a receipt is foreign": (
        lambda parts: parts.papers.update({"receipts/H28-26E-0000009.pdf": b"%PDF other"}),
        "receipts/H28-26E-0000009.pdf is foreign",
    ),
    "the submission receipt is another one": (
        lambda parts: parts.papers.update({"submission-receipt.jws": b"x.y.z"}),
        "submission-receipt.jws is not the one that was issued",
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_tampered_with_is_named(name: str) -> None:
    change, words = TAMPERED[name]
    assert words in said(altered(change))


def test_a_state_that_does_not_follow_is_a_missing_event() -> None:
    parts = Parts()
    parts.leaves[5] = leaf(6, "payment.succeeded", ("payment", "p"), 3, ("unknown", "paid"))
    assert "before event 6 is missing" in said(parts.packed())


@pytest.mark.parametrize(("version", "holds"), [(1, False), (2, True), (3, False)])
def test_a_delivery_begins_with_its_second_version(version: int, *, holds: bool) -> None:
    parts = Parts()
    parts.leaves.append(leaf(8, "delivery.ordering", ("delivery", "d"), version, ("draft", "unknown")))
    parts.places.append(10)
    if holds:
        assert 8 == verifier.check(parts.packed(), key=log_key(), root=ROOT).events
    else:
        assert "before event 8 is missing" in said(parts.packed())


def test_a_version_that_was_passed_over_is_a_missing_event() -> None:
    parts = Parts()
    parts.leaves[5] = leaf(6, "payment.succeeded", ("payment", "p"), 4, ("pending", "paid"))
    assert "before event 6 is missing" in said(parts.packed())


# --- the container ----------------------------------------------------------------------------------


def test_a_file_that_was_changed_missing_or_foreign_is_named() -> None:
    files = Parts().files()
    manifest = manifest_of(files)
    changed = {**files, "README.txt": b"other"}
    assert "README.txt was changed" in said(pack(changed, manifest=manifest))
    missing = {name: content for name, content in files.items() if name != "README.txt"}
    assert "README.txt is missing" in said(pack(missing, manifest=manifest))
    foreign = {**files, "more.txt": b"more"}
    assert "more.txt is foreign" in said(pack(foreign, manifest=manifest))
    for name in ("evidence.json", "checkpoint.txt"):
        bare = {each: content for each, content in files.items() if each != name}
        assert f"{name} is missing" in said(pack(bare))


def test_a_manifest_that_nobody_signed_does_not_hold() -> None:
    files = Parts().files()
    foreign = {**files, "more.txt": b"more"}
    assert "signature of the container" in said(pack(foreign, signature=signed(manifest_of(files))))
    assert "signature of the container" in said(pack(files, signature=signed(manifest_of(files), ROOT_KEY)))
    assert "cannot be read" in said(pack(files, signature=b"\x30\x03\x02\x01\x01"))


def test_a_signer_of_another_root_does_not_hold() -> None:
    with pytest.raises(Broken, match="signature of the container"):
        verifier.check(WHOLE, key=log_key(), root=OTHER_ROOT)


@pytest.mark.parametrize("text", [b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>", b"<x", b"\xff\xfe", b"<x/>"])
def test_a_manifest_that_cannot_be_read_is_no_manifest(text: bytes) -> None:
    words = said(pack(Parts().files(), manifest=text, signature=signed(text)))
    assert "manifest" in words


def test_a_zip_with_two_files_of_one_name_is_refused() -> None:
    out = io.BytesIO(WHOLE)
    with zipfile.ZipFile(out, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("README.txt", b"another")
    assert "no container" in said(out.getvalue())


def test_a_file_flipped_anywhere_never_passes_as_another_story() -> None:
    """One bit in every seventh byte: either it is refused, or it changed nothing that is told."""
    whole = verifier.check(WHOLE, key=log_key(), root=ROOT)
    for at in range(0, len(WHOLE), 7):
        changed = WHOLE[:at] + bytes([WHOLE[at] ^ 1]) + WHOLE[at + 1 :]
        try:
            assert whole == verifier.check(changed, key=log_key(), root=ROOT)
        except Broken:
            continue


@pytest.mark.parametrize("name", [*Parts().files(), MANIFEST, "META-INF/signature.p7s", "mimetype"])
def test_a_byte_flipped_in_each_part_is_refused(name: str) -> None:
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}
    middle = len(parts[name]) // 2
    parts[name] = parts[name][:middle] + bytes([parts[name][middle] ^ 1]) + parts[name][middle + 1 :]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for each, content in parts.items():
            archive.writestr(zipfile.ZipInfo(each), content)
    assert said(out.getvalue())


@given(st.binary(max_size=400))
def test_whatever_comes_is_refused_in_words(data: bytes) -> None:
    assert "no container" in said(data)


@given(st.sampled_from(["evidence.json", "checkpoint.txt"]), st.binary(max_size=80))
def test_whatever_stands_in_a_part_is_refused_in_words(name: str, content: bytes) -> None:
    assert said(pack({**Parts().files(), name: content}))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["index", "leaf", "path", "opened", "case"]), inner)
        ),
        max_leaves=8,
    )
)
def test_whatever_is_told_as_an_event_is_refused_in_words(event: object) -> None:
    parts = Parts()
    whole = parts.evidence()
    whole["events"][3] = event
    parts.evidence = lambda: whole  # type: ignore[method-assign]
    assert said(parts.packed())


def test_a_container_that_our_own_builder_binds_is_the_same_to_it() -> None:
    signer = KeySigner(SIGNER_KEY, SIGNER, (ROOT,))
    bound = asic.build(Parts().files(), signer, AT)
    assert verifier.check(WHOLE, key=log_key(), root=ROOT) == verifier.check(bound, key=log_key(), root=ROOT)


# --- as an auditor runs it ----------------------------------------------------------------------------


def test_the_file_stands_alone(tmp_path: Path) -> None:
    """Copied elsewhere and run there, with nothing of ours to import."""
    alone = tmp_path / "verifier.py"
    alone.write_bytes(Path(verifier.__file__).read_bytes())
    good, bad, root = tmp_path / "good.asice", tmp_path / "bad.asice", tmp_path / "root.pem"
    good.write_bytes(WHOLE)
    bad.write_bytes(altered(_drop(4)))
    root.write_bytes(ROOT.public_bytes(Encoding.PEM))

    def run(path: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(alone), str(path), "--key", log_key(), "--root", str(root)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    assert (0, f"{verifier.check(WHOLE, key=log_key(), root=ROOT).sentence()}\n") == (
        run(good).returncode,
        run(good).stdout,
    )
    assert 1 == run(bad).returncode
    assert "An event before event 5 is missing" in run(bad).stderr
    assert 1 == run(tmp_path / "none").returncode


def test_its_imports_are_those_of_python_and_cryptography() -> None:
    text = Path(verifier.__file__).read_text(encoding="utf-8")
    imported = {
        line.split()[1].partition(".")[0]
        for line in text.splitlines()
        if line.startswith(("import ", "from "))
    }
    assert {"cryptography"} == imported - set(sys.stdlib_module_names)
    assert sha(b"") != sha(text.encode())
