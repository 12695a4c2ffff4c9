"""Keys in PKCS#12 files (RFC 7292), as certificate authorities hand them out on request: `.p12`, `.pfx`.

Also the old containers that are still in use: RC2-40 or triple DES around the keys, HMAC with SHA-1 around the whole.
The MAC says at once whether the password opens the file; it cannot tell a wrong password from a changed file, so both
are `Refused`. A file without a MAC is not taken: nothing would tell whether it is the one that was given out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from asn1crypto import pkcs12 as asn1
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from signing.certificates import chain_of
from signing.errors import ForbiddenAlgorithm, Malformed, Refused, SignerAway
from signing.signer import KeySigner

MAX_BYTES: Final = 200_000
MAX_PASSWORD_BYTES: Final = 1000
MAX_ROUNDS: Final = 2_000_000
"""Rounds of one key derivation, of the MAC or of what is encrypted: more would keep a process busy for many seconds."""
_DATA: Final = "data"
_ENCRYPTED_KEY: Final = "pkcs8_shrouded_key_bag"


@dataclass(frozen=True, slots=True)
class Pkcs12Settings:
    """A file and its password: `password` itself, or the file that holds it in one line; neither is an empty one."""

    path: Path
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None


def open_pkcs12(settings: Pkcs12Settings) -> KeySigner:
    """The signer in a file: load it once and keep it.

    Raises `SignerAway` when a file cannot be read, `Malformed` when it is none or both passwords are given, `Refused`
    when the password does not open it, `ForbiddenAlgorithm` for a key that documents are not signed with.
    """
    if settings.password is not None and settings.password_file is not None:
        raise Malformed("A PKCS#12 file has one password, given itself or by its file")
    password = settings.password or ""
    if settings.password_file is not None:
        try:
            password = _content(settings.password_file, MAX_PASSWORD_BYTES).decode()
        except UnicodeDecodeError:
            raise Malformed(f"{settings.password_file.name} is not text in UTF-8") from None
        password = password.removesuffix("\n").removesuffix("\r")
    return read_pkcs12(_content(settings.path, MAX_BYTES), password)


def read_pkcs12(content: bytes, password: str) -> KeySigner:
    """The one private key of a container, with its certificate and those above it. Raises as `open_pkcs12`."""
    _check_shape(content)
    try:
        found = pkcs12.load_pkcs12(content, password.encode("utf-8", "surrogatepass"))
    except UnsupportedAlgorithm:
        raise ForbiddenAlgorithm("The PKCS#12 file is encrypted in a way that is not known here") from None
    except (ValueError, TypeError):
        # without the cause: an error of a parser might quote what it read
        raise Refused("The password does not open the PKCS#12 file, or the file was changed") from None
    if not isinstance(found.key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ForbiddenAlgorithm("The PKCS#12 file has no key that documents are signed with: P-256 or RSA")
    if found.cert is None:
        raise Malformed("The PKCS#12 file has no certificate for its key")
    leaf, others = found.cert.certificate, [each.certificate for each in found.additional_certs]
    return KeySigner(found.key, leaf, chain_of(leaf, others))


def _check_shape(content: bytes) -> None:
    """Whether this is a PFX with a MAC of a bearable price. Raises `Malformed`."""
    if len(content) > MAX_BYTES:
        raise Malformed("The PKCS#12 file is too large")
    try:
        pfx = asn1.Pfx.load(content, strict=True)
        safe, mac = pfx["auth_safe"], pfx["mac_data"]
        parts = (
            asn1.AuthenticatedSafe.load(safe["content"].native)
            if safe["content_type"].native == _DATA
            else ()
        )
        is_v3, has_mac = pfx["version"].native == "v3", mac.native is not None
        rounds = [*(_rounds(parts)), mac["iterations"].native if has_mac else 0]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        raise Malformed("This is not a PKCS#12 file") from None
    if not parts or not is_v3:
        raise Malformed("This is not a PKCS#12 file that a password opens")
    if not has_mac:
        raise Malformed("The PKCS#12 file has no MAC")
    if any(not 0 < each <= MAX_ROUNDS for each in rounds):
        raise Malformed("The PKCS#12 file asks for a number of rounds out of bounds")


def _rounds(parts: Iterable[asn1.ContentInfo]) -> Iterator[int]:
    """The rounds of the key derivation of each part that is encrypted as a whole, and of each key that is by itself."""
    for part in parts:
        if part["content_type"].native == _DATA:
            for bag in asn1.SafeContents.load(part["content"].native):
                if bag["bag_id"].native == _ENCRYPTED_KEY:
                    yield int(bag["bag_value"]["encryption_algorithm"].kdf_iterations)
        else:
            info = part["content"]["encrypted_content_info"]
            yield int(info["content_encryption_algorithm"].kdf_iterations)


def _content(path: Path, most_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise SignerAway(f"{path.name} cannot be read: {error.strerror}") from None
    if len(content) > most_bytes:
        raise Malformed(f"{path.name} is larger than {most_bytes} bytes")
    return content
