import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from pkcs11 import Attribute, ObjectClass
from pkcs11.util.ec import decode_ec_private_key

from signing import pkcs11_module
from signing.errors import BadSignature, ForbiddenAlgorithm, Malformed, Refused, SignerAway, UnknownKey
from signing.pkcs11 import KeyName, Token, TokenSettings, TokenSigner
from signing.pkcs11_module import module_of
from signing.signer import Scheme, Signer

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
UTIL, OPENSSL = "/usr/bin/softhsm2-util", "/usr/bin/openssl"
PIN = "2468-túi"
DATA = "Biên lai số 0000123".encode()
NOW = datetime.now(UTC).replace(microsecond=0)
ROOT = Path(__file__).parents[3]
Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def certificate(
    key: Private | Ed25519PrivateKey, name: str, issuer: tuple[Private, str] | None = None
) -> x509.Certificate:
    by, above = issuer or (key, name)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, above)]))
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .public_key(key.public_key())
        .sign(by, None if isinstance(by, Ed25519PrivateKey) else hashes.SHA256())
    )


@dataclass(frozen=True)
class Box:
    """A token of SoftHSM2 with two keys and the certificates of both."""

    folder: Path
    settings: TokenSettings
    serial: str
    root: x509.Certificate
    keys: dict[str, Private]
    certificates: dict[str, x509.Certificate]

    def put(self, key: Private, name: str, key_id: str) -> None:
        der = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = self.folder / f"{name}.pem"
        path.write_bytes(der)
        util("--import", str(path), "--token", "hòm", "--label", name, "--id", key_id, "--pin", PIN)

    @contextmanager
    def session(self) -> Iterator[pkcs11.Session]:
        """A session that can write; the token is logged in to by whoever signs with it."""
        module = pkcs11.lib(str(MODULE))
        opened = module.get_token(token_label="hòm").open(rw=True)
        yield opened
        opened.close()


def util(*arguments: str) -> str:
    done = subprocess.run([UTIL, *arguments], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    patch = pytest.MonkeyPatch()
    patch.setenv("SOFTHSM2_CONF", str(folder / "conf"))
    util("--init-token", "--free", "--label", "hòm", "--pin", PIN, "--so-pin", "97531")
    above = ec.generate_private_key(ec.SECP256R1())
    keys: dict[str, Private] = {
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    }
    made = Box(
        folder,
        TokenSettings(MODULE, PIN, label="hòm"),
        serial_of(util("--show-slots")),
        certificate(above, "Gốc"),
        keys,
        {name: certificate(key, f"Con dấu {name}", (above, "Gốc")) for name, key in keys.items()},
    )
    for number, (name, key) in enumerate(keys.items(), 1):
        made.put(key, name, f"0{number}")
    store_certificates(made)
    yield made
    pkcs11.lib(str(MODULE)).finalize()
    patch.undo()


def store_certificates(box: Box) -> None:
    module = pkcs11.lib(str(MODULE))
    with module.get_token(token_label="hòm").open(rw=True, user_pin=PIN) as session:
        for number, leaf in enumerate([*box.certificates.values(), box.root], 1):
            session.create_object(
                {
                    Attribute.CLASS: ObjectClass.CERTIFICATE,
                    Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                    Attribute.TOKEN: True,
                    Attribute.PRIVATE: False,
                    Attribute.ID: bytes([number]),
                    Attribute.LABEL: f"certificate {number}",
                    Attribute.SUBJECT: leaf.subject.public_bytes(),
                    Attribute.VALUE: leaf.public_bytes(Encoding.DER),
                }
            )


def serial_of(slots: str) -> str:
    lines = [line.split(":", 1) for line in slots.splitlines() if ":" in line]
    serials = [value.strip() for name, value in lines if name.strip() == "Serial number"]
    return next(each for each in serials if each)


@pytest.fixture(scope="module")
def token(box: Box) -> Iterator[Token]:
    made = Token(box.settings)
    yield made
    made.close()


@pytest.fixture(scope="module")
def signer(token: Token) -> Signer:
    return token.signer(KeyName(label="p256"))


# --- what is signed -------------------------------------------------------------------------------


def test_ecdsa_comes_as_der_that_holds_under_the_certificate(box: Box, signer: Signer) -> None:
    assert box.certificates["p256"] == signer.certificate
    assert Scheme.ECDSA_SHA256 is signer.scheme
    box.keys["p256"].public_key().verify(signer.sign(DATA), DATA, ec.ECDSA(hashes.SHA256()))


def test_rsa_comes_as_pkcs1_that_holds_under_the_certificate(box: Box, token: Token) -> None:
    signer = token.signer(KeyName(label="rsa"))
    signature = signer.sign(DATA)
    assert (Scheme.RSA_SHA256, 256) == (signer.scheme, len(signature))
    box.keys["rsa"].public_key().verify(signature, DATA, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("name", ["p256", "rsa"])
def test_openssl_takes_what_the_token_signs_and_refuses_it_for_other_data(
    name: str, box: Box, token: Token, tmp_path: Path
) -> None:
    public = box.keys[name].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    (tmp_path / "signature").write_bytes(token.signer(KeyName(label=name)).sign(DATA))
    command = [OPENSSL, "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature"]
    said = [
        subprocess.run(command, check=False, input=data, cwd=tmp_path, capture_output=True, timeout=30).stdout
        for data in (DATA, DATA + b"0")
    ]
    assert [b"Verified OK\n", b"Verification failure\n"] == said


def test_a_key_is_found_by_its_id_and_a_token_by_its_serial_number(box: Box) -> None:
    token = Token(replace(box.settings, label=None, serial=box.serial))
    assert box.certificates["rsa"] == token.signer(KeyName(id=b"\x02")).certificate


def test_the_certificates_above_come_from_the_token_or_are_given(box: Box, token: Token) -> None:
    expected = (box.root,)
    assert expected == token.signer(KeyName(label="p256")).chain
    given = [box.certificates["p256"], box.certificates["rsa"], box.root]
    assert expected == token.signer(KeyName(label="p256"), given).chain


def test_many_threads_sign_at_once(signer: Signer, box: Box) -> None:
    start = Barrier(12)

    def work(number: int) -> list[tuple[bytes, bytes]]:
        start.wait(10)
        texts = [f"{number} {turn}".encode() for turn in range(20)]
        return [(text, signer.sign(text)) for text in texts]

    with ThreadPoolExecutor(12) as pool:
        made = [pair for pairs in pool.map(work, range(12)) for pair in pairs]
    assert 240 == len(made)
    for text, signature in made:
        box.keys["p256"].public_key().verify(signature, text, ec.ECDSA(hashes.SHA256()))


# --- what is refused ------------------------------------------------------------------------------


def test_the_signature_of_another_key_is_not_used(box: Box, token: Token) -> None:
    foreign = certificate(ec.generate_private_key(ec.SECP256R1()), "Kẻ lạ")
    signer = TokenSigner(token, KeyName(label="p256"), foreign, (), Scheme.ECDSA_SHA256)
    with pytest.raises(BadSignature):
        signer.sign(DATA)
    with pytest.raises(Malformed, match="not the one of the token's key"):
        token.signer(KeyName(label="p256"), [foreign])


def test_a_key_that_is_not_there_is_unknown(token: Token) -> None:
    with pytest.raises(UnknownKey):
        token.signer(KeyName(label="không có"))


def test_a_key_without_certificate_is_unknown_until_one_is_given(box: Box, token: Token) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    box.put(key, "bare", "77")
    with pytest.raises(UnknownKey):
        token.signer(KeyName(label="bare"))
    given = token.signer(KeyName(label="bare"), [certificate(key, "Trần")])
    key.public_key().verify(given.sign(DATA), DATA, ec.ECDSA(hashes.SHA256()))


def test_two_keys_of_one_name_are_not_guessed_between(box: Box, token: Token) -> None:
    for number in ("88", "89"):
        box.put(ec.generate_private_key(ec.SECP256R1()), "twin", number)
    with pytest.raises(Malformed, match="Several"):
        token.signer(KeyName(label="twin"))


def test_a_key_that_may_not_sign_is_forbidden(box: Box, token: Token, signer: Signer) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    values = {Attribute.LABEL: "mute", Attribute.TOKEN: True, Attribute.SIGN: False, Attribute.PRIVATE: True}
    signer.sign(DATA)  # the token is logged in to
    with box.session() as session:
        session.create_object({**decode_ec_private_key(der), **values})
    with pytest.raises(ForbiddenAlgorithm):
        token.signer(KeyName(label="mute"), [certificate(key, "Câm")])


def test_a_certificate_of_a_kind_that_documents_are_not_signed_with_is_forbidden(token: Token) -> None:
    with pytest.raises(ForbiddenAlgorithm):
        token.signer(KeyName(label="p256"), [certificate(Ed25519PrivateKey.generate(), "Ed")])


def test_a_token_needs_a_name() -> None:
    with pytest.raises(Malformed):
        Token(TokenSettings(MODULE, PIN))


def test_the_pin_is_not_in_a_repr(box: Box, token: Token, signer: Signer) -> None:
    assert PIN not in repr(box.settings) + repr(token) + repr(signer)


def test_a_second_user_of_a_token_does_not_disturb_the_first(box: Box, signer: Signer) -> None:
    signer.sign(DATA)
    era = module_of(MODULE).era
    assert Token(box.settings).signer(KeyName(label="p256")).sign(DATA)
    signer.sign(DATA)
    assert era is module_of(MODULE).era


def test_a_thread_whose_turn_never_comes_finds_the_signer_away(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pkcs11_module, "WAIT_S", 0.05)
    with (
        ThreadPoolExecutor(1) as pool,
        module_of(MODULE).turn(),
        pytest.raises(SignerAway, match="come back"),
    ):
        pool.submit(signer.sign, DATA).result(10)
    assert signer.sign(DATA)


# --- what goes away, and comes back ---------------------------------------------------------------


def test_a_wrong_pin_is_refused_and_never_tried_again(box: Box, token: Token) -> None:
    pkcs11.lib(str(MODULE)).reinitialize()  # everybody is out: the next one has to log in
    wrong = Token(replace(box.settings, pin="1357-sai"))
    with pytest.raises(Refused, match="PIN"):
        wrong.signer(KeyName(label="p256"))
    with pkcs11.lib(str(MODULE)).get_token(token_label="hòm").open(rw=True, user_pin=PIN) as session:
        session.set_pin(PIN, "1357-sai")
    with pytest.raises(Refused, match="PIN"):
        wrong.signer(KeyName(label="p256"))
    again = Token(replace(box.settings, pin="1357-sai")).signer(KeyName(label="p256"))
    assert again.sign(DATA)
    with box.session() as session:
        session.set_pin("1357-sai", PIN)


def test_a_token_that_went_away_is_away_and_signs_again_when_it_is_back(box: Box, signer: Signer) -> None:
    signer.sign(DATA)
    tokens, elsewhere = box.folder / "tokens", box.folder / "elsewhere"
    tokens.rename(elsewhere)
    for _ in range(2):
        with pytest.raises(SignerAway):
            signer.sign(DATA)
    elsewhere.rename(tokens)
    box.keys["p256"].public_key().verify(signer.sign(DATA), DATA, ec.ECDSA(hashes.SHA256()))


def test_threads_that_find_the_token_gone_sign_when_its_module_began_anew(box: Box, token: Token) -> None:
    signer = token.signer(KeyName(label="rsa"))

    def work(number: int) -> bytes:
        return signer.sign(hashlib.sha256(bytes([number])).digest())

    with ThreadPoolExecutor(4) as pool:
        signer.sign(DATA)
        pkcs11.lib(str(MODULE)).reinitialize()  # as when the module was restarted under us
        assert {256} == {len(each) for each in pool.map(work, range(40))}


def test_a_token_or_a_module_that_is_not_there_is_away(box: Box, tmp_path: Path) -> None:
    with pytest.raises(SignerAway):
        Token(replace(box.settings, label="không có")).signer(KeyName(label="p256"))
    with pytest.raises(SignerAway):
        Token(replace(box.settings, module=tmp_path / "none.so")).signer(KeyName(label="p256"))


def test_a_closed_token_opens_again_for_whoever_signs(box: Box) -> None:
    token = Token(box.settings)
    signer = token.signer(KeyName(label="p256"))
    token.close()
    assert signer.sign(DATA)


def test_a_child_process_signs_by_a_session_of_its_own(box: Box) -> None:
    code = (
        "import os, sys; from pathlib import Path; from signing.pkcs11 import *;"
        "s = Token(TokenSettings(Path(sys.argv[1]), sys.argv[2], label='hòm')).signer(KeyName(label='p256'));"
        "child = os.fork(); made = s.sign(b'x');"
        "print('child' if child == 0 else 'parent', len(made) > 60, flush=True);"
        "child and sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(MODULE), PIN],
        cwd=ROOT,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (0, ["child True", "parent True"]) == (done.returncode, sorted(done.stdout.splitlines())), (
        done.stderr
    )
