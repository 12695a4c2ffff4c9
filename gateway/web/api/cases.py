"""Cases by REST."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from gateway.domain.errors import Malformed
from gateway.service import (
    announcements,
    case_papers,
    cases,
    documents,
    evidence,
    extensions,
    fee_changes,
    filing,
    hand_overs,
    handing_in,
    results,
    show,
    show_case,
)
from gateway.service.cases import Caller
from gateway.web.api.models import AnnouncedIn, CaseIn, ExtensionIn, FeesIn, TransitionIn
from gateway.web.api.shown import CaseOut, CasePapersOut, DocumentOut
from gateway.web.auth import caller
from gateway.web.context import web

blueprint = APIBlueprint("cases", __name__, url_prefix="/v1/cases", tag="Cases")

REPR_DIGEST = "sha-256"
CONTAINER = "application/vnd.etsi.asic-e+zip"
EVIDENCE_ANSWERS: dict[int | str, Any] = {
    200: {
        "description": "The container of the case",
        "content": {CONTAINER: {"schema": {"type": "string", "format": "binary"}}},
    }
}
PAPER_KINDS: Mapping[str, Any] = {
    "application/pdf": {"schema": {"type": "string", "format": "binary"}},
    "application/json": {"schema": {"type": "object"}},
}
PAPER_ANSWERS: dict[int | str, Any] = {200: {"description": "The paper", "content": dict(PAPER_KINDS)}}


def _shown(who: Caller, case_code: str) -> dict[str, object]:
    return show_case.whole(web().context, cases.find_whole(web().context, who, case_code))


@blueprint.post("")
@blueprint.input(CaseIn, arg_name="wanted")
@blueprint.output(CaseOut, status_code=201)
def register(wanted: CaseIn) -> tuple[dict[str, object], int]:
    """Register a case; what it owes follows from the procedure's fee rules in force today."""
    who, shared = caller("cases:write"), web().context
    whole, is_new = filing.register(shared, who, wanted.model_dump(), shared.clock())
    return show_case.whole(shared, whole), 201 if is_new else 200


@blueprint.get("/<case_code>")
@blueprint.output(CaseOut)
def get(case_code: str) -> dict[str, object]:
    """State, what is owed, deadline and why, timeline, links."""
    return _shown(caller("read"), case_code)


@blueprint.post("/<case_code>/documents")
@blueprint.input(AnnouncedIn, arg_name="wanted")
@blueprint.output(CaseOut)
def announce_documents(case_code: str, wanted: AnnouncedIn) -> dict[str, object]:
    """Tell of documents anew, in a draft or when a supplement is asked for; then send them as at first."""
    who, shared = caller("cases:write"), web().context
    announcements.announce(shared, who, case_code, wanted.model_dump()["documents"], shared.clock())
    return _shown(who, case_code)


@blueprint.put("/<case_code>/documents/<document_code>")
@blueprint.output(DocumentOut)
def put_document(case_code: str, document_code: str) -> dict[str, object]:
    """The whole body of an announced document; Repr-Digest is checked, and its size and SHA-256 as announced."""
    who, shared = caller("cases:write"), web().context
    content = _checked_body()
    kept = documents.store_document(shared, who, case_code, document_code, content, shared.clock())
    return {"code": kept.code, "sha256": kept.sha256, "size_bytes": kept.size_bytes}


@blueprint.post("/<case_code>/submit")
@blueprint.output(CaseOut)
def submit(case_code: str) -> dict[str, object]:
    """Hand the case in; the answer carries the signed submission receipt (JWS)."""
    who, shared = caller("cases:write"), web().context
    return show_case.whole(shared, handing_in.submit(shared, who, case_code, shared.clock()))


@blueprint.post("/<case_code>/transitions")
@blueprint.input(TransitionIn, arg_name="wanted")
@blueprint.output(CaseOut)
def transition(case_code: str, wanted: TransitionIn) -> dict[str, object]:
    """What the agency decides, and how a case goes from one agency to another."""
    who, shared = caller("cases:write"), web().context
    decide = hand_overs.act if wanted.event in hand_overs.EVENTS else cases.transition
    decide(shared, who, case_code, wanted.model_dump(), shared.clock())
    return _shown(who, case_code)


@blueprint.post("/<case_code>/extensions")
@blueprint.input(ExtensionIn, arg_name="wanted")
@blueprint.output(CaseOut)
def extend(case_code: str, wanted: ExtensionIn) -> dict[str, object]:
    """A later day for the result, with the agency's apology (form 04)."""
    who, shared = caller("cases:write"), web().context
    extensions.extend(shared, who, case_code, wanted.model_dump(), shared.clock())
    return _shown(who, case_code)


@blueprint.get("/<case_code>/papers")
@blueprint.output(CasePapersOut)
def list_papers(case_code: str) -> dict[str, object]:
    """The official papers of the case, newest first, at most 500."""
    shared = web().context
    found = case_papers.listed(shared, caller("read"), case_code)
    return {"papers": [show.case_paper(shared, each) for each in found]}


@blueprint.get("/<case_code>/papers/<paper_id>")
@blueprint.doc(responses=PAPER_ANSWERS)
def get_paper(case_code: str, paper_id: str) -> Response:
    """An official paper as signed PDF, or the facts of it as canonical JSON, by Accept."""
    kind = request.accept_mimetypes.best_match(list(PAPER_KINDS), default="application/pdf")
    content = case_papers.content(
        web().context, caller("read"), case_code, paper_id, kind.removeprefix("application/")
    )
    return Response(content, content_type=kind)


@blueprint.post("/<case_code>/fees")
@blueprint.input(FeesIn, arg_name="wanted")
@blueprint.output(CaseOut)
def set_fees(case_code: str, wanted: FeesIn) -> dict[str, object]:
    """The fee lines, set anew by the agency; open payments that follow them change with them."""
    who, shared = caller("cases:write"), web().context
    fee_changes.change(shared, who, case_code, wanted.model_dump(), shared.clock())
    return _shown(who, case_code)


@blueprint.put("/<case_code>/result")
@blueprint.output(DocumentOut)
def put_result(case_code: str) -> dict[str, object]:
    """The signed result document."""
    who, shared = caller("cases:write"), web().context
    content = _checked_body()
    described = {"name": "result", "media_type": request.mimetype or "application/octet-stream"}
    kept = results.store_result(shared, who, case_code, described, content, shared.clock())
    return {"code": kept.code, "sha256": kept.sha256, "size_bytes": kept.size_bytes}


@blueprint.get("/<case_code>/evidence")
@blueprint.doc(responses=EVIDENCE_ANSWERS)
def get_evidence(case_code: str) -> Response:
    """The container that proves what happened to the case (ASiC-E), checked offline by `verify` or at `/verify`.

    `person=1` opens what the submission commits to of the applicant; without it the container names nobody.
    """
    shared = web().context
    person = request.args.get("person", "0")
    if person not in {"0", "1"}:
        raise Malformed("person is 0 or 1")
    content = evidence.container(
        shared, caller("read"), case_code, with_person=person == "1", now=shared.clock()
    )
    return Response(
        content,
        content_type=CONTAINER,
        headers={"Content-Disposition": f'attachment; filename="{case_code}.asice"'},
    )


def _checked_body() -> bytes:
    """The body, whose Repr-Digest (RFC 9530) must be there and agree. Raises `Malformed`."""
    content = request.get_data(cache=True)
    if not content:
        raise Malformed("the body is the whole document; this one is empty")
    given = dict(
        part.strip().partition("=")[::2] for part in request.headers.get("Repr-Digest", "").split(",")
    )
    wanted = b":" + base64.b64encode(hashlib.sha256(content).digest()) + b":"
    if not hmac.compare_digest(given.get(REPR_DIGEST, "").encode(), wanted):
        raise Malformed("Repr-Digest with sha-256 of the whole document is asked for, and must agree")
    return content
