"""A public-key infrastructure on this machine: issuers' certificates, OCSP, CRLs and time stamps over real HTTP.

Who is there, and what is wrong with whom, stands in `pki.yml` alone; certomancer reads it. Keys are made once in a
folder. Every service takes a fault by `control`, or over the wire: `POST /control/<service>` with the fault's name.
"""

import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Final, Self

from asn1crypto import core, ocsp, tsp
from certomancer.registry import ArchLabel, CertLabel, CertomancerConfig, PKIArchitecture, ServiceLabel
from certomancer.services import CertomancerServiceError
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sandbox.errors import WorldMisconfigured

DESCRIPTION: Final = Path(__file__).with_name("pki.yml")
HOST: Final = "127.0.0.1"
ARCHITECTURE: Final = ArchLabel("vietnam")
MAX_REQUEST_BYTES: Final = 65_536
MAX_HANG_S: Final = 120.0
GARBAGE: Final = b"<html><body><h1>502</h1></body></html>"
_KEY_FILE: Final = re.compile(r"path: ([a-z0-9-]+\.(p256|p384|rsa1024|rsa2048)\.pem)")
_PATH: Final = re.compile(r"/vietnam/(ocsp|tsa|crls|certs)/([a-z0-9-]{1,40})(?:/(?:latest\.crl|ca\.crt))?")
_CLOSE_AT_ONCE: Final = struct.pack("ii", 1, 0)
_RSA_EXPONENT: Final = 65537
_MADE: Final[dict[str, Callable[[], ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey]]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa1024": lambda: rsa.generate_private_key(_RSA_EXPONENT, 1024),  # noqa: S505 - a weak key to be refused
    "rsa2048": lambda: rsa.generate_private_key(_RSA_EXPONENT, 2048),
}


class Service(StrEnum):
    """What is asked for over HTTP."""

    OCSP = "ocsp"
    CRL = "crls"
    TSA = "tsa"
    CERTIFICATES = "certs"


class PkiFault(StrEnum):
    """What a service does instead of its work. `DOWN` cuts the connection; `PkiServer.stop` refuses it."""

    NONE = "none"
    DOWN = "down"
    HANG = "hang"
    ERROR = "error"
    GARBAGE = "garbage"
    WRONG_NONCE = "wrong_nonce"


_MEDIA_TYPES: Final = {
    Service.OCSP: "application/ocsp-response",
    Service.CRL: "application/pkix-crl",
    Service.TSA: "application/timestamp-reply",
    Service.CERTIFICATES: "application/pkix-cert",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: its status, its media type, its body."""

    status: int
    media_type: str = "text/plain"
    body: bytes = b""


NOT_FOUND: Final = Answer(404)


class Pki:
    """The authorities and signers of `pki.yml`, whose addresses begin with `url`. Safe between threads."""

    def __init__(
        self, folder: Path, *, url: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        ensure_keys(folder)
        self.clock = clock
        self._folder = folder
        config = CertomancerConfig.from_file(
            str(DESCRIPTION), key_search_dir=str(folder), external_url_prefix=url
        )
        self._house: PKIArchitecture = config.get_pki_arch(ARCHITECTURE)
        self._lock = Lock()  # certomancer makes certificates when they are first asked for

    def certificate(self, label: str) -> bytes:
        """The certificate of that name, DER. Raises `WorldMisconfigured` for an unknown one."""
        with self._lock:
            try:
                return bytes(self._house.get_cert(CertLabel(label)).dump())
            except CertomancerServiceError as error:
                raise WorldMisconfigured(f"pki.yml has no certificate {label}") from error

    def chain(self, label: str) -> tuple[bytes, ...]:
        """The certificates above that one, its issuer first, the root last."""
        above: list[bytes] = []
        while True:
            spec = self._house.get_cert_spec(CertLabel(label))
            if spec.self_signed:
                return tuple(above)
            with self._lock:
                label = str(spec.resolve_issuer_cert(self._house))
            above.append(self.certificate(label))

    def key(self, label: str) -> bytes:
        """The private key of the certificate of that name, PKCS#8 in PEM."""
        name = self._house.get_cert_spec(CertLabel(label)).subject_key
        return Path(self._house.key_set[name].path).read_bytes()

    def address(self, service: Service, label: str) -> str:
        """Where one service is: `tsa` has one for each authority."""
        registry = self._house.service_registry
        if service is not Service.TSA:
            raise WorldMisconfigured("the other addresses stand in the certificates")
        return str(registry.get_tsa_info(ServiceLabel(label)).url)

    def answer(self, service: Service, label: str, body: bytes, *, wrong_nonce: bool = False) -> Answer:
        """What the service says to `body`; 404 for one that is not there, 400 for what cannot be read."""
        try:
            with self._lock:
                said = self._said(service, ServiceLabel(label), body, wrong_nonce=wrong_nonce)
        except CertomancerServiceError:
            return NOT_FOUND
        except (ValueError, TypeError, KeyError):
            return Answer(400)
        return Answer(200, _MEDIA_TYPES[service], said)

    def _said(self, service: Service, label: ServiceLabel, body: bytes, *, wrong_nonce: bool) -> bytes:
        registry, now = self._house.service_registry, self.clock().replace(microsecond=0)
        if service is Service.CERTIFICATES:
            info = registry.get_cert_repo_info(label)
            return bytes(self._house.get_cert(registry.determine_repo_issuer_cert(info)).dump())
        if service is Service.CRL:
            return bytes(registry.get_crl(label, now).dump())
        if service is Service.OCSP:
            question = ocsp.OCSPRequest.load(body, strict=True)
            if wrong_nonce:
                _spoil_ocsp(question)
            return bytes(registry.summon_responder(label, now).build_ocsp_response(question).dump())
        request = tsp.TimeStampReq.load(body, strict=True)
        if wrong_nonce:
            request["nonce"] = core.Integer(request["nonce"].native + 1)
        return bytes(registry.summon_timestamper(label, now).request_tsa_response(request).dump())


def _spoil_ocsp(question: Any) -> None:
    for extension in question["tbs_request"]["request_extensions"]:
        if extension["extn_id"].native == "nonce":
            extension["extn_value"] = core.ParsableOctetString(core.OctetString(b"another nonce...").dump())


def ensure_keys(folder: Path) -> None:
    """Make the private keys that `pki.yml` names and `folder` has not."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, kind in _KEY_FILE.findall(DESCRIPTION.read_text(encoding="utf-8")):
        file = folder / name
        if not file.exists():
            pem = _MADE[kind]().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            file.write_bytes(pem)


class PkiServer:
    """All the services on one port of the loopback address; port 0 asks for a free one."""

    def __init__(
        self, folder: Path, *, port: int = 0, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        owner = self

        class Handler(_Handler):
            server_of = owner

        try:
            self._server = ThreadingHTTPServer((HOST, port), Handler)
        except OSError as error:
            raise WorldMisconfigured(f"port {port} of {HOST} cannot be used: {error.strerror}") from error
        self._server.daemon_threads = True
        self._server.block_on_close = False  # what hangs does not hold the end
        self.url = f"http://{HOST}:{self._server.server_port}"
        self.pki = Pki(folder, url=self.url, clock=clock)
        self.over = Event()
        self.calls: list[Service] = []
        self._faults: dict[Service, PkiFault] = {}
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), name="pki", daemon=True)

    def control(self, service: Service, fault: PkiFault) -> None:
        """From now on `service` does this."""
        self._faults[service] = fault

    def fault(self, service: Service) -> PkiFault:
        return self._faults.get(service, PkiFault.NONE)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening: the next call is refused."""
        self.over.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Handler(BaseHTTPRequestHandler):
    """One call. It says nothing on the terminal."""

    server_of: PkiServer
    timeout = 15
    wbufsize = -1  # one packet for an answer: head and body in two wait for each other

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_REQUEST_BYTES:
            self._send(Answer(413))
            return
        body = self.rfile.read(int(length))
        order = re.fullmatch(r"/control/([a-z]+)", self.path)
        if order:
            self._order(order[1], body)
        else:
            self._serve(body)

    def _order(self, service: str, body: bytes) -> None:
        try:
            self.server_of.control(Service(service), PkiFault(body.decode("ascii")))
        except ValueError:
            self._send(Answer(400))
        else:
            self._send(Answer(204))

    def _serve(self, body: bytes) -> None:
        found = _PATH.fullmatch(self.path)
        if found is None:
            self._send(NOT_FOUND)
            return
        service = Service(found[1])
        self.server_of.calls.append(service)
        fault = self.server_of.fault(service)
        if fault is PkiFault.DOWN:
            self._cut()
        elif fault is PkiFault.HANG:
            self.server_of.over.wait(MAX_HANG_S)
            self._cut()
        elif fault is PkiFault.ERROR:
            self._send(Answer(500))
        elif fault is PkiFault.GARBAGE:
            self._send(Answer(200, _MEDIA_TYPES[service], GARBAGE))
        else:
            wrong = fault is PkiFault.WRONG_NONCE
            self._send(self.server_of.pki.answer(service, found[2], body, wrong_nonce=wrong))

    def _cut(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_AT_ONCE)
        self.close_connection = True
        self.connection.close()

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
