"""The proof log and what is taken out of it: sealing by hand, and checking a container with the cable out."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from gateway.cli.command import Command, opened, read_file, say_json, with_json
from gateway.domain.errors import Malformed, NotFound
from gateway.service import sealing
from gateway.service.cases import VIETNAM
from gateway.store import cases
from gateway.store import log as store
from gateway.wiring import now
from signing import verifier
from signing.errors import SigningError

ROOT_BYTES, KEY_BYTES = 100_000, 1_000


def _seal(given: Namespace) -> int:
    leaves = 0
    with opened() as here:
        while added := sealing.seal(here.context, now()):
            leaves += added
        stamped = sealing.stamp(here.context, now())
    if given.json:
        say_json({"leaves": leaves, "stamped": stamped})
    else:
        print(f"{leaves} events are sealed")
    return 0


def _forget_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("case_code", metavar="CASE")
    parser.add_argument("--yes", action="store_true", help="do not ask: destroy it")
    with_json(parser)


def _forget(given: Namespace) -> int:
    """Destroys the salts of a case for good, once it was confirmed; a case that is forgotten already stays so."""
    with opened() as here:
        context = here.context
        with context.engine.connect() as connection:
            if cases.find(connection, given.case_code) is None:
                raise NotFound(f"no case has the code {given.case_code}")
        if not given.yes and not _is_confirmed(given.case_code):
            raise Malformed("nothing was destroyed: the code of the case was not repeated")
        done = sealing.forget(context, given.case_code, now())
        with context.engine.connect() as connection:
            at = store.forgotten_at(connection, given.case_code)
    assert at is not None
    if given.json:
        say_json({"case_code": given.case_code, "forgotten_at": at.isoformat(), "before": not done})
    else:
        when = f"{at.astimezone(VIETNAM):%H:%M %d/%m/%Y}"
        print(f"{given.case_code}: {'forgotten' if done else 'was forgotten before,'} at {when}")
    return 0


def _is_confirmed(case_code: str) -> bool:
    print(FORGET.format(case_code=case_code), file=sys.stderr)
    return sys.stdin.readline().strip() == case_code


FORGET = """\
Hủy vĩnh viễn các giá trị bí mật (salt) của hồ sơ {case_code} trong sổ chứng cứ. Sau đó không ai, kể cả hệ thống này,
mở lại được tên, giấy tờ, số biên lai hay mã hồ sơ từ các mục đã ghi; các mục vẫn còn nguyên và vẫn kiểm tra được.
Không thể hoàn tác. Dữ liệu ở các bảng khác không bị xóa. Nhập lại mã hồ sơ để xác nhận:
This destroys for good the salts of case {case_code} in the proof log. Nobody, nor we, can then open the name, the
papers, the receipt numbers or the code of the case from what was recorded; that stays whole and can be checked.
It cannot be undone. Data in other tables is not deleted. Repeat the code of the case to confirm:"""


def _verify_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="the container of a case, or a signed receipt (PDF)",
    )
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--key", help="public key of the log as it is published (GET /log/key): NAME+HASH+KEY")
    keys.add_argument("--log-key", type=Path, metavar="KEYFILE", help="file that holds that key")
    parser.add_argument(
        "--root", type=Path, help="certificate (PEM) above the one that signs containers and receipts"
    )
    with_json(parser)


def _verify(given: Namespace) -> int:
    """Needs neither settings nor a database: the same check as that of the file that is handed to auditors.

    File after file, each forgotten before the next is read; a line for each, and 1 where any does not hold.
    """
    root = None if given.root is None else _root(given.root)
    key = given.key if given.log_key is None else _log_key(given.log_key)
    holds = True
    for path in given.files:
        outcome = _outcome(path, key, root)
        holds = holds and outcome.facts["ok"] is True
        if given.json:
            say_json({"file": str(path), **outcome.facts} if len(given.files) > 1 else outcome.facts)
        elif len(given.files) > 1:
            print(f"{'✓' if outcome.facts['ok'] else '✗'} {path}: {outcome.sentence}")
        elif outcome.facts["ok"]:
            print(outcome.sentence)
        else:
            raise Malformed(outcome.sentence)
    return 0 if holds else 1


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What is said of one file: in one sentence, and as facts, `ok` among them."""

    facts: Mapping[str, object]
    sentence: str


def _outcome(path: Path, key: str | None, root: x509.Certificate | None) -> _Outcome:
    try:
        data = read_file(path, verifier.MOST_BYTES)
        if data.startswith(b"%PDF-"):
            return _paper(data, root)
        proof = verifier.check(data, key=key, root=root)
    except (verifier.Broken, Malformed) as broken:
        return _broken(str(broken))
    except OSError as error:
        return _broken(f"Không đọc được tệp / The file cannot be read: {error.strerror}")
    facts = {name: getattr(proof, name) for name in proof.__slots__}
    return _Outcome({"ok": True, **facts, "sentence": proof.sentence()}, proof.sentence())


def _broken(sentence: str) -> _Outcome:
    return _Outcome({"ok": False, "broken": sentence}, sentence)


def _paper(data: bytes, root: x509.Certificate | None) -> _Outcome:
    """A signed PDF. Without a root it can be whole, and nobody knows whose: that is not held to be good."""
    from signing.pdf_validation import validate  # noqa: PLC0415 - heavy, and containers do without

    try:
        said = validate(data, [] if root is None else [root], at=now())
    except SigningError as error:
        return _broken(f"Không kiểm tra được chữ ký của tệp PDF / The signature of the PDF: {error}")
    if not (said.intact and said.covers_whole_document):
        return _broken("Tệp PDF đã bị sửa sau khi ký / The PDF was changed after it was signed")
    name = said.signed_by
    if not said.good:
        return _broken(
            f"Tệp PDF còn nguyên, nhưng người ký {name} không được chứng thực: {said.judgement.indication} / "
            f"The PDF is whole, but nobody vouches for its signer {name}: {said.judgement.indication}"
        )
    sentence = f"Tệp PDF còn nguyên như khi {name} ký. / The PDF is as it was when {name} signed it."
    return _Outcome({"ok": True, "signed_by": name, "sentence": sentence}, sentence)


def _log_key(path: Path) -> str:
    return read_file(path, KEY_BYTES).decode("utf-8", "replace").strip()


def _root(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(read_file(path, ROOT_BYTES))
    except ValueError:
        raise Malformed(f"{path} is not a certificate in PEM") from None


COMMANDS = (
    Command(
        ("seal",), "make every event that is not sealed yet a leaf of the proof log", "seal", _seal, with_json
    ),
    Command(
        ("forget",),
        "destroy the salts of a case: its person is forgotten, and its proofs still hold",
        "forget H28-261124-0001",
        _forget,
        _forget_arguments,
    ),
    Command(
        ("verify",),
        "check containers of cases and signed receipts, offline",
        "verify case.asice --log-key log.key --root paper-root.pem",
        _verify,
        _verify_arguments,
    ),
)
