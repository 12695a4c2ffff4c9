"""ASiC-E containers (ETSI EN 319 162-1) signed with CAdES: any files, and one signature over all of them.

A manifest names each file with its SHA-256; a detached CMS signs the manifest. Read the other way round: the ZIP, the
manifest, every file against it, the signature, and the first thing that does not hold is named in a sentence.
The parsing (`signing.asic_zip`, `signing.asic_manifest`) needs nothing but the standard library.
"""

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509

from signing import asic_manifest, asic_zip, cms
from signing.arithmetic import Allow, ContentChanged, SignedBy
from signing.asic_manifest import SIGNATURE, Manifest
from signing.errors import BadSignature, Malformed
from signing.signer import Signer
from signing.verdicts import Judgement, TimeStamper, Trust

MIMETYPE: Final = asic_zip.MIMETYPE
MANIFEST: Final = "META-INF/ASiCManifest.xml"
MOST_SIGNATURES: Final = 16
_META: Final = "META-INF/"
_MANIFEST_NAME: Final = re.compile(r"META-INF/ASiCManifest[A-Za-z0-9_-]{0,40}\.xml")
_SIGNATURE_NAME: Final = re.compile(r"META-INF/[A-Za-z0-9_-]{0,40}signature[A-Za-z0-9_-]{0,40}\.p7s")


@dataclass(frozen=True, slots=True)
class Container:
    """The files, without what stands in META-INF, and who signed all of them. Believe them where `judgement.good`."""

    files: Mapping[str, bytes] = field(repr=False)
    signers: tuple[SignedBy, ...]
    judgement: Judgement

    @property
    def signed_by(self) -> SignedBy:
        """The first signer."""
        return self.signers[0]


def build(
    files: Mapping[str, bytes], signer: Signer, at: datetime, *, stamper: TimeStamper | None = None
) -> bytes:
    """A container of the files, in the order of their names.

    The same input gives the same bytes but for the signature, where the signer's has a random part (ECDSA).
    Raises `Malformed` for no files, or a name that may not stand in a container; what signer and stamper raise passes.
    """
    if not files:
        raise Malformed("A container has at least one file")
    for name in files:
        asic_zip.check_name(name)
        if name.casefold() == "mimetype" or name.casefold().startswith(_META.casefold()):
            raise Malformed("A file may not be called mimetype or stand in META-INF")
    ordered = dict(sorted(files.items()))
    manifest = asic_manifest.write(ordered)
    signature = cms.sign(manifest, signer, at=at, stamper=stamper)
    return asic_zip.write({"mimetype": MIMETYPE, **ordered, MANIFEST: manifest, SIGNATURE: signature})


def read(
    data: bytes,
    trust: Trust,
    at: datetime,
    *,
    certificates: Sequence[x509.Certificate] = (),
    allow: Collection[Allow] = (),
) -> Container:
    """The files of a container, each as every signature in it signed it.

    `at` is the time to judge for where no time-stamp proves one. Raises `Malformed`, `ContentChanged`, `BadSignature`,
    `UnknownKey`, `ForbiddenAlgorithm`: the sentence names the first thing that does not hold.
    """
    inside = unpack(data)
    files = {name: content for name, content in inside.items() if name != "mimetype" and not _is_meta(name)}
    manifests = [name for name in inside if _MANIFEST_NAME.fullmatch(name)]
    if not 1 <= len(manifests) <= MOST_SIGNATURES:
        raise Malformed("The container has no manifest, or more than are read")
    told = {name: asic_manifest.read(inside[name]) for name in manifests}
    _check_meta(inside, told)
    signers: list[SignedBy] = []
    judgements: list[Judgement] = []
    for name, manifest in told.items():
        check_files(files, manifest)
        try:
            signed = cms.verify(
                inside[manifest.signature],
                trust,
                at=at,
                content=inside[name],
                certificates=certificates,
                allow=allow,
            )
        except ContentChanged:
            raise ContentChanged(f"{name} was changed after it was signed") from None
        except BadSignature as error:
            raise BadSignature(f"{manifest.signature} does not hold: {error}") from None
        signers += signed.signers
        judgements.append(signed.judgement)
    return Container(
        files, tuple(signers), next((said for said in judgements if not said.good), judgements[0])
    )


def unpack(data: bytes) -> dict[str, bytes]:
    """Every file of the ZIP, those of META-INF too, not yet checked. Raises `Malformed`."""
    return asic_zip.read(data)


def check_files(files: Mapping[str, bytes], manifest: Manifest) -> None:
    """Raises `BadSignature` naming the first file that is foreign, changed (`ContentChanged`) or missing."""
    for name, content in files.items():
        if name not in manifest.digests:
            raise BadSignature(f"{name} is foreign: the manifest does not name it")
        if not hmac.compare_digest(hashlib.sha256(content).digest(), manifest.digests[name]):
            raise ContentChanged(f"{name} was changed")
    for name in manifest.digests:
        if name not in files:
            raise BadSignature(f"{name} is missing: the manifest names it")


def _is_meta(name: str) -> bool:
    return name.casefold().startswith(_META.casefold())


def _check_meta(inside: Mapping[str, bytes], told: Mapping[str, Manifest]) -> None:
    """Nothing stands in META-INF but the manifests and the one signature of each."""
    signatures = [each.signature for each in told.values()]
    for name in signatures:
        if not _SIGNATURE_NAME.fullmatch(name):
            raise Malformed("The manifest names no signature that is read")
        if name not in inside:
            raise Malformed(f"{name} is missing: the manifest names it")
    if len(set(signatures)) != len(signatures):
        raise Malformed("Two manifests name the same signature")
    for name in inside:
        if _is_meta(name) and name not in told and name not in signatures:
            raise Malformed(f"{name} is foreign: no manifest and no signature of one")
