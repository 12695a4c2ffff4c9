"""The verifier that an auditor is handed: what it says of a whole container, and of each way to tamper with one.

The containers are made by hand and signed by another library, so nothing here is held against its own maker.
"""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
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
    ORDER,
    OTHER_ROOT,
    ROOT,
    ROOT_KEY,
    SIGNER,
    SIGNER_KEY,
    Parts,
    certificate_of,
    leaf,
    log_key,
    manifest_of,
    pack,
    sha,
    signed,
    spelled,
    unzipped,
    zipped,
)
from tests.unit.signing.hostile_containers import HOSTILE, STRANGER

WHOLE = Parts().packed()


def said(data: bytes, **given_: object) -> str:
    """What is said of a container that does not hold."""
    with pytest.raises(Broken) as broken:
        verifier.check(data, key=log_key(), root=ROOT, **given_)  # type: ignore[arg-type]
    return str(broken.value)


def test_a_whole_container_is_told_in_one_sentence() -> None:
    proof = verifier.check(WHOLE, key=log_key(), root=ROOT)
    assert (CASE, len(LEAVES), 11) == (proof.case_code, proof.events, proof.size)
    assert ("H28-26E-0000001",) == proof.receipts
    assert (("f1",), (), "Cổng 4") == (proof.papers, proof.orders, proof.signed_by)
    at = "lúc 09:55 ngày 24/11/2026"
    vi = (
        f"Hồ sơ {CASE}: đã nộp {at}, đã nhận được tiền {at}; 8 việc ghi từ {at} đến {at} (giờ Việt Nam) còn nguyên, "
        "không thiếu, đúng thứ tự trong sổ log.example/log (11 mục); kèm biên lai H28-26E-0000001; kèm giấy f1; "
        "tệp do Cổng 4 ký."
    )
    at = "at 09:55 on 24/11/2026"
    en = (
        f"Case {CASE}: submitted {at}, the money received {at}; 8 events recorded from {at} to {at} (Vietnam time) "
        "are whole, none is missing, all in order in the log log.example/log (11 leaves); with receipt "
        "H28-26E-0000001; with paper f1; the file is signed by Cổng 4."
    )
    assert f"{vi} / {en}" == proof.sentence()


def test_a_time_is_told_as_it_is_in_vietnam() -> None:
    proof = replace(
        verifier.check(WHOLE), last_at="2026-12-31T17:04:59.999999Z", stamped_at="2026-12-31T17:00:00.000000Z"
    )
    assert "đến lúc 00:04 ngày 01/01/2027 (giờ Việt Nam)" in proof.sentence()
    assert "to at 00:04 on 01/01/2027" in proof.sentence() or "to 00:04" in proof.sentence()
    assert "sổ có dấu thời gian lúc 00:00 ngày 01/01/2027" in proof.sentence()


def test_an_order_of_the_portal_is_named_where_it_is_there() -> None:
    parts = Parts()
    parts.papers["orders/4.http"] = ORDER
    proof = verifier.check(parts.packed(), key=log_key(), root=ROOT)
    assert ("4",) == proof.orders
    assert "; kèm lệnh nộp tiền của cổng 4;" in proof.sentence()


def test_of_who_was_forgotten_everything_is_shut_and_the_events_hold() -> None:
    proof = verifier.check(forgotten(), key=log_key(), root=ROOT)
    assert (8, (), ()) == (proof.events, proof.receipts, proof.papers)
    assert "dữ liệu cá nhân đã được xóa lúc 09:55 ngày 24/12/2026" in proof.sentence()
    assert "was forgotten at 09:55 on 24/12/2026" in proof.sentence()


@pytest.mark.parametrize("name", HOSTILE)
def test_what_was_made_to_deceive_is_refused_by_its_name(name: str) -> None:
    data, words = HOSTILE[name]
    assert words in said(data)


def test_a_container_of_more_than_the_limit_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "MOST_BYTES", len(WHOLE) - 1)
    assert "no container" in said(WHOLE)


def test_without_the_published_certificate_it_says_that_nobody_compared() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    files = Parts().files()
    mine = signed(manifest_of(files), key, certificate_of(key, "Kẻ khác"))
    proof = verifier.check(pack(files, signature=mine), key=log_key())
    assert "tệp do Kẻ khác ký, chưa so với chứng thư đã công bố" in proof.sentence()
    assert "signed by Kẻ khác, not compared with the published certificate" in proof.sentence()


def test_without_the_published_key_it_says_whose_word_it_takes() -> None:
    proof = verifier.check(WHOLE)
    assert not proof.key_given
    assert "compare it with the published one" in proof.sentence()


def forgotten() -> bytes:
    """The container of a case whose salt was destroyed."""
    parts = Parts()
    whole = parts.evidence()
    whole["forgotten_at"] = "2026-12-24T02:55:00.000000Z"
    for each in whole["events"]:
        each["opened"] = {}
    parts.evidence = lambda: whole  # type: ignore[method-assign]
    parts.papers = {"README.txt": parts.papers["README.txt"]}
    return parts.packed()


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
    "the log is another one": (lambda parts: setattr(parts, "key", STRANGER), "of another log ("),
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
    parts.leaves.append(leaf(9, "delivery.ordering", ("delivery", "d"), version, ("draft", "unknown")))
    parts.places.append(10)
    if holds:
        assert 9 == verifier.check(parts.packed(), key=log_key(), root=ROOT).events
    else:
        assert "before event 9 is missing" in said(parts.packed())


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
    with pytest.raises(Broken, match="signed by Cổng 4, who is not under the given root"):
        verifier.check(WHOLE, key=log_key(), root=OTHER_ROOT)


@pytest.mark.parametrize("text", [b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>", b"<x", b"\xff\xfe", b"<x/>"])
def test_a_manifest_that_cannot_be_read_is_no_manifest(text: bytes) -> None:
    words = said(pack(Parts().files(), manifest=text, signature=signed(text)))
    assert "manifest" in words


def test_a_bit_flipped_anywhere_is_refused() -> None:
    for at in range(0, len(WHOLE), 5):
        assert said(WHOLE[:at] + bytes([WHOLE[at] ^ (1 << at % 8)]) + WHOLE[at + 1 :]), at


@pytest.mark.parametrize("name", unzipped(WHOLE))
def test_a_byte_flipped_in_each_part_is_refused(name: str) -> None:
    """In the content, with the ZIP made anew over it."""
    parts = unzipped(WHOLE)
    middle = len(parts[name]) // 2
    parts[name] = parts[name][:middle] + bytes([parts[name][middle] ^ 1]) + parts[name][middle + 1 :]
    assert said(zipped(parts.items()))


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
