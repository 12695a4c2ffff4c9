"""The proof log and what is taken out of it: sealing by hand, and checking a container with the cable out."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from cryptography import x509

from gateway.cli.command import Command, opened, read_file, say_json, with_json
from gateway.domain.errors import Malformed
from gateway.service import sealing
from gateway.wiring import now
from signing import verifier

ROOT_BYTES = 100_000


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


def _verify_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the container of a case")
    parser.add_argument(
        "--key", help="public key of the log as it is published (GET /log/key): NAME+HASH+KEY"
    )
    parser.add_argument("--root", type=Path, help="certificate (PEM) above the one that signs containers")
    with_json(parser)


def _verify(given: Namespace) -> int:
    """Needs neither settings nor a database: the same check as that of the file that is handed to auditors."""
    root = None if given.root is None else _root(given.root)
    try:
        proof = verifier.check(read_file(given.file, verifier.MOST_BYTES), key=given.key, root=root)
    except verifier.Broken as broken:
        if not given.json:
            raise Malformed(str(broken)) from None
        say_json({"ok": False, "broken": str(broken)})
        return 1
    if given.json:
        facts = {name: getattr(proof, name) for name in proof.__slots__}
        say_json({"ok": True, **facts, "sentence": proof.sentence()})
    else:
        print(proof.sentence())
    return 0


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
        ("verify",),
        "check the container of a case, offline",
        "verify case.asice --key cong4.example/log+1f2e3d4c+AbCd…",
        _verify,
        _verify_arguments,
    ),
)
