"""Keys in a token that is reached by PKCS#11: a hardware module, a USB key, or SoftHSM2 for tests.

The token computes ECDSA, or RSASSA-PKCS1-v1_5, over a SHA-256 digest that is made here (CKM_ECDSA, CKM_RSA_PKCS: every
module has these two). ECDSA comes back as r||s and leaves as DER. Each signature is checked against the certificate
before it is used. A PIN that was refused is never tried again by the same object: three tries lock a token.

The session is kept, and threads take turns (`signing.pkcs11_module` says why). When the token was pulled out, or its
module was restarted, the module is begun anew and the signature tried once more; only then the signer is away.
"""

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import pkcs11
from cryptography import x509
from pkcs11 import Attribute, Mechanism, ObjectClass
from pkcs11 import exceptions as said
from pkcs11.exceptions import PKCS11Error
from pkcs11.types import SignMixin

from signing.certificates import chain_of, scheme_of_certificate
from signing.errors import (
    BadSignature,
    ForbiddenAlgorithm,
    Malformed,
    Refused,
    SignerAway,
    SigningError,
    UnknownKey,
)
from signing.keys import der_of_halves, verify_document
from signing.pkcs11_module import Module, module_of
from signing.signer import Scheme, public_key_of

R = TypeVar("R")

MAX_CERTIFICATES: Final = 50
_SHA256_INFO: Final = bytes.fromhex("3031300d060960864801650304020105000420")
"""DigestInfo for SHA-256 (RFC 8017 section 9.2, note 1), without the digest."""

_PIN_REFUSED: Final = "The token does not take the PIN; it is not tried again"
_PIN: Final = (
    said.PinIncorrect,
    said.PinInvalid,
    said.PinLenRange,
    said.PinExpired,
    said.PinLocked,
    said.UserPinNotInitialized,
)
_UNFIT: Final = (
    said.MechanismInvalid,
    said.MechanismParamInvalid,
    said.KeyTypeInconsistent,
    said.KeySizeRange,
    said.FunctionNotSupported,
)


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """A token: the module's shared library, and the token's label or serial number as it prints them."""

    module: Path
    pin: str = field(repr=False)
    label: str | None = None
    serial: str | None = None


@dataclass(frozen=True, slots=True)
class KeyName:
    """A private key in a token: its CKA_LABEL, its CKA_ID, or both."""

    label: str | None = None
    id: bytes | None = None


@dataclass(slots=True)
class _Open:
    """A session, and the keys that were looked up in it."""

    era: object
    session: pkcs11.Session
    keys: dict[KeyName, SignMixin] = field(default_factory=dict)


class Token:
    """A token that is logged in to once. Safe between threads; make one for each token and keep it."""

    def __init__(self, settings: TokenSettings) -> None:
        if settings.label is None and settings.serial is None:
            raise Malformed("A token is named by its label or its serial number")
        self._settings = settings
        self._opened: _Open | None = None
        self._pin_refused = False

    def signer(self, key: KeyName, certificates: Sequence[x509.Certificate] = ()) -> "TokenSigner":
        """The signer of a key, tried once. Its certificate is the first that is given, else the one in the token.

        Raises `SignerAway`, `Refused` for the PIN, `UnknownKey` when there is no such key or no certificate,
        `Malformed` when several have this name or the certificate is of another key, `ForbiddenAlgorithm`.
        """
        leaf, *others = certificates or self._certificates(key)
        signer = TokenSigner(self, key, leaf, chain_of(leaf, others), scheme_of_certificate(leaf))
        try:
            signer.sign(b"Does the certificate belong to the key?")
        except BadSignature:
            raise Malformed("The certificate is not the one of the token's key") from None
        return signer

    def raw(self, key: KeyName, mechanism: Mechanism, data: bytes) -> bytes:
        """What the token makes of `data`. Raises as `signer`."""
        return self._do(lambda opened: bytes(_key(opened, key).sign(data, mechanism=mechanism)))

    def close(self) -> None:
        """Log out, with everybody else of this process. Whoever signs afterwards logs in again."""
        module = module_of(self._settings.module)
        with module.turn():
            opened, self._opened = self._opened, None
            if opened is not None and opened.era is module.era:
                with contextlib.suppress(PKCS11Error):
                    opened.session.close()

    def _certificates(self, key: KeyName) -> list[x509.Certificate]:
        """The certificates in the token, the one of `key` first."""
        found = self._do(lambda opened: _certificates(opened, key))
        try:
            return [x509.load_der_x509_certificate(each) for each in found]
        except ValueError:
            raise Malformed("The token holds a certificate that cannot be read") from None

    # --- the session --------------------------------------------------------------------------------

    def _do(self, work: Callable[[_Open], R]) -> R:
        """`work` in the session; once more after the module began anew, when the first try found the token gone."""
        module = module_of(self._settings.module)
        with module.turn():
            try:
                return work(self._open(module))
            except PKCS11Error as error:
                told, final = _told(error)
            if final:
                raise told
            module.begin_anew()
            try:
                return work(self._open(module))
            except PKCS11Error as error:
                told, _ = _told(error)
        raise told

    def _open(self, module: Module) -> _Open:
        """The session, opened and logged in to in this era of the module. Raises `PKCS11Error`, `Refused`."""
        if self._opened is None or self._opened.era is not module.era:
            if self._pin_refused:
                raise Refused(_PIN_REFUSED)
            serial = None if self._settings.serial is None else self._settings.serial.encode()
            token = module.library().get_token(token_label=self._settings.label, token_serial=serial)
            try:
                session = token.open(user_pin=self._settings.pin)
            except said.UserAlreadyLoggedIn:
                session = token.open()  # by another of this process, and that counts for each of its sessions
            except _PIN:
                self._pin_refused = True
                raise
            self._opened = _Open(module.era, session)
        return self._opened


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """A signer whose private key never leaves its token. Safe between threads."""

    _token: Token = field(repr=False)
    _key: KeyName = field(repr=False)
    certificate: x509.Certificate = field(repr=False)
    chain: tuple[x509.Certificate, ...] = field(repr=False)
    scheme: Scheme

    def sign(self, data: bytes) -> bytes:
        """As `Signer.sign`; raises `BadSignature` also when what the token made does not fit the certificate."""
        digest = hashlib.sha256(data).digest()
        if self.scheme is Scheme.ECDSA_SHA256:
            signature = der_of_halves(self._token.raw(self._key, Mechanism.ECDSA, digest))
        else:
            signature = self._token.raw(self._key, Mechanism.RSA_PKCS, _SHA256_INFO + digest)
        verify_document(public_key_of(self.certificate), signature, data)
        return signature


def _told(error: PKCS11Error) -> tuple[SigningError, bool]:
    """What is said of an error of the module, and whether it is no use to begin anew."""
    if isinstance(error, _PIN):
        return Refused(_PIN_REFUSED), True
    if isinstance(error, _UNFIT):
        return ForbiddenAlgorithm(
            "The token does not sign with this key in the way that documents are signed"
        ), True
    if isinstance(error, said.MultipleTokensReturned | said.MultipleObjectsReturned):
        return Malformed("Several tokens or keys have this name: say the serial number or the id too"), True
    if isinstance(error, said.NoSuchKey):
        return UnknownKey("The token has no private key of this name, or no certificate for it"), False
    return SignerAway(f"The token cannot be reached now ({type(error).__name__})"), False


def _key(opened: _Open, name: KeyName) -> SignMixin:
    if name not in opened.keys:
        found = opened.session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=name.label, id=name.id)
        if not isinstance(found, SignMixin):
            raise said.KeyTypeInconsistent  # it is there, and its CKA_SIGN is false
        opened.keys[name] = found
    return opened.keys[name]


def _certificates(opened: _Open, name: KeyName) -> list[bytes]:
    """Certificates in DER, first the one with the key's CKA_ID, or its CKA_LABEL where none has the ID."""
    key_id = _key(opened, name)[Attribute.ID]
    found = list(opened.session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}))[:MAX_CERTIFICATES]
    own = [each for each in found if each[Attribute.ID] == key_id]
    own = own or [each for each in found if name.label is not None and each[Attribute.LABEL] == name.label]
    if not own:
        raise said.NoSuchKey
    return [bytes(each[Attribute.VALUE]) for each in [*own, *(each for each in found if each not in own)]]
