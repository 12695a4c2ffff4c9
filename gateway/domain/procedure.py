"""Procedure (thủ tục, TTHC): what a case needs, read from data files and never written in code."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.domain.errors import Missing
from gateway.domain.fees import FeeKind, FeeRule, Reduction


@dataclass(frozen=True, slots=True)
class RequiredDocument:
    code: str
    name_vi: str
    name_en: str
    required: bool
    media_types: tuple[str, ...]
    reduction: str | None = None


@dataclass(frozen=True, slots=True)
class Procedure:
    """One procedure of the national catalogue. `working_days` is the time for processing after reception."""

    code: str
    name_vi: str
    name_en: str
    level: int
    field: str
    result_vi: str
    working_days: int
    legal_basis: str
    documents: tuple[RequiredDocument, ...]
    fees: tuple[FeeRule, ...]


@dataclass(frozen=True, slots=True)
class GivenDocument:
    """A document of a case: what was announced, whether its bytes came and agreed, whether they wait for the scan."""

    code: str
    media_type: str
    stored: bool
    waits: bool = False


def missing(
    procedure: Procedure, given: Iterable[GivenDocument], reduction: str | None = None
) -> tuple[Missing, ...]:
    """Each thing that keeps a submission from being complete, by document code; empty when it is complete."""
    have = {document.code: document for document in given}
    found = [
        Missing(required.code, f"{required.name_vi} chưa có trong hồ sơ / {required.name_en} is missing")
        for required in procedure.documents
        if _is_needed(required, reduction) and required.code not in have
    ]
    known = {required.code: required for required in procedure.documents}
    for code, document in have.items():
        if code not in known:
            found.append(
                Missing(code, "thủ tục không yêu cầu giấy tờ này / not a document of this procedure")
            )
        elif document.media_type not in known[code].media_types:
            found.append(Missing(code, f"không nhận loại tệp {document.media_type} / wrong kind of file"))
        elif not document.stored:
            found.append(Missing(code, "chưa tải tệp lên / the file has not been uploaded"))
        elif document.waits:
            found.append(
                Missing(
                    code,
                    "tệp đang chờ quét mã độc, hãy nộp lại sau ít phút / "
                    "the file waits for the virus scan: submit again soon",
                )
            )
    return tuple(found)


def _is_needed(required: RequiredDocument, reduction: str | None) -> bool:
    return required.required or (required.reduction is not None and required.reduction == reduction)


def from_data(data: Mapping[str, Any]) -> Procedure:
    """A procedure from its data file. Raises `KeyError` or `ValueError`: the files ship with the product."""
    documents = [{**each, "media_types": tuple(each["media_types"])} for each in data["documents"]]
    return Procedure(
        **{
            **data,
            "documents": tuple(RequiredDocument(**each) for each in documents),
            "fees": tuple(_rule(each) for each in data["fees"]),
        }
    )


def _rule(data: Mapping[str, Any]) -> FeeRule:
    return FeeRule(
        kind=FeeKind(data["kind"]),
        code=data["code"],
        name=data["name"],
        amount_vnd=data["amount_vnd"],
        from_on=date.fromisoformat(data["from_on"]),
        to_on=date.fromisoformat(data["to_on"]) if data["to_on"] else None,
        legal_basis=data["legal_basis"],
        reductions=tuple(Reduction(**each) for each in data.get("reductions", ())),
    )
