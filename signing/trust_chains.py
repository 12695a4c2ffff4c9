"""Ways from a certificate up to a root, found by names and signatures among whatever came with a document.

What comes along is an enemy's: certificates that lead nowhere, in circles, or to a root by a thousand ways. So the
shortest ways are looked for first, within a fixed number of signatures that are checked, and only those that are found
are handed on: pyHanko's own search follows names alone and takes hours over thirty forged certificates.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from signing.revocation import UNREADABLE

MAX_CHAIN: Final = 8
MAX_WAYS: Final = 4
MAX_CHECKS: Final = 256
"""Signatures of certificates that are checked for one document: a tenth of a second at most."""


class Issuers:
    """Who issued whom among certificates that are known; each pair is looked at once, and `MAX_CHECKS` pairs in all."""

    def __init__(self, known: Iterable[x509.Certificate], *, at: datetime) -> None:
        # those that hold at the moment in question first: an authority's older certificate has the same name and key
        self._known = sorted(dict.fromkeys(known), key=lambda each: not _holds(each, at))
        self._left = MAX_CHECKS

    def of(self, certificate: x509.Certificate) -> Iterator[x509.Certificate]:
        """Those whose key signed the certificate, then those of whom that cannot be said here."""
        unsaid: list[x509.Certificate] = []
        for each in self._known:
            if each.subject != certificate.issuer or not self._left:
                continue
            self._left -= 1
            signed = is_signed(certificate, each)
            if signed:
                yield each
            elif signed is None:
                unsaid.append(each)
        yield from unsaid


@dataclass(frozen=True, slots=True)
class Found:
    """At most `MAX_WAYS` chains from the certificate to a root, both in it, the shortest first.

    `ends` are certificates that led no further: whoever issued them is not known.
    """

    ways: tuple[tuple[x509.Certificate, ...], ...]
    ends: tuple[x509.Certificate, ...]


def ways_up(certificate: x509.Certificate, roots: Sequence[x509.Certificate], issuers: Issuers) -> Found:
    """See `Found`. A certificate that is itself a root is a way of its own."""
    ways: list[tuple[x509.Certificate, ...]] = []
    ends: list[x509.Certificate] = []
    begun = deque[tuple[x509.Certificate, ...]]([(certificate,)])
    while begun and len(ways) < MAX_WAYS:
        chain = begun.popleft()
        if chain[-1] in roots:
            ways.append(chain)
        elif len(chain) < MAX_CHAIN:
            above = [each for each in issuers.of(chain[-1]) if each not in chain]
            begun.extend((*chain, each) for each in above)
            ends += [] if above else [chain[-1]]
    return Found(tuple(ways), tuple(dict.fromkeys(ends)))


def issued_by(
    chain: Sequence[x509.Certificate], others: Iterable[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Those of `others` that an authority of the chain signed itself: who may speak for it of what it revoked.

    Not those under a name of the chain, which would be another way up.
    """
    names = {each.subject for each in chain}
    return tuple(
        each
        for each in dict.fromkeys(others)
        if each.subject not in names and any(is_signed(each, above) for above in chain[1:])
    )


def is_signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool | None:
    """Whether the one is signed by the other's key; None where that cannot be said here.

    That is so for an algorithm that is not known here, such as SHA-1: the validation of the path refuses it by name.
    """
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    except UNREADABLE:
        return None
    return True


def _holds(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
