"""The citizen follows the case: what happened, what is next, the papers, and the container that proves it all.

By the link that nobody can guess, papers can be taken. Who knows the code of the case and four digits of a phone sees
what happened and nothing else: codes follow each other, and of four digits there are ten thousand.
"""

from ipaddress import ip_address

from apiflask import APIBlueprint
from flask import render_template, request
from werkzeug.wrappers import Response

from gateway.domain.case import NATIONAL, CaseState
from gateway.domain.errors import NotFound
from gateway.domain.workdays import day_of
from gateway.service import standing, tracking
from gateway.service.agency_names import called
from gateway.service.cases import VIETNAM
from gateway.store import cases as store
from gateway.web.context import forms_only, web

blueprint = APIBlueprint("track", __name__, enable_openapi=False)
blueprint.before_request(forms_only)

PDF, CONTAINER = "application/pdf", "application/vnd.etsi.asic-e+zip"
TOO_MANY_S = int(tracking.TRIES_WINDOW.total_seconds())
TOO_MANY = "Đã thử quá nhiều lần, xin chờ 15 phút. / Too many tries, please wait 15 minutes."
NO_SUCH_CASE = "Mã hồ sơ hoặc số điện thoại không khớp. / The case code or the phone number does not fit."
OTHER_PHONE = "Bốn số cuối điện thoại không khớp. / The last four digits of the phone number do not fit."

Page = tuple[str, int] | tuple[str, int, dict[str, str]]


def _find(token: str) -> store.Case:
    with web().context.engine.connect() as connection:
        case = store.find_by_token(connection, token)
    if case is None:
        raise NotFound("no case has this link")
    return case


@blueprint.get("/track/<token>")
def page(token: str) -> str:
    """The timeline and the papers of a case, by its unguessable link."""
    return _timeline(_find(token), by_link=True)


@blueprint.get("/track/<token>/papers/<paper_id>")
def paper(token: str, paper_id: str) -> Response:
    """An official paper as signed PDF."""
    case = _find(token)
    return _file(tracking.paper(web().context, case, paper_id), PDF, f"{paper_id}.pdf")


@blueprint.get("/track/<token>/receipts/<number>")
def receipt(token: str, number: str) -> Response:
    """A receipt that holds, as signed PDF."""
    case = _find(token)
    return _file(tracking.receipt(web().context, case, number), PDF, f"{case.case_code}-receipt.pdf")


@blueprint.get("/track/<token>/evidence")
def evidence(token: str) -> Response:
    """The container that proves what happened; it opens nothing of what was said of the applicant."""
    return _container(_find(token), with_person=False)


@blueprint.post("/track/<token>/evidence")
def evidence_with_person(token: str) -> Response | Page:
    """The same, with what the submission said of the applicant: for who knows the phone number that it was given."""
    case, shared = _find(token), web().context
    digits = request.form.get("phone", "").strip()
    outcome = tracking.look_up(shared, case.case_code, digits, _address(), shared.clock())
    if outcome.case is not None:
        return _container(case, with_person=True)
    if outcome.too_many:
        return _timeline(case, by_link=True, problem=TOO_MANY), 429, {"Retry-After": str(TOO_MANY_S)}
    return _timeline(case, by_link=True, problem=OTHER_PHONE), 404


def _container(case: store.Case, *, with_person: bool) -> Response:
    shared = web().context
    content = tracking.evidence_of(shared, case, with_person=with_person, now=shared.clock())
    return _file(content, CONTAINER, f"{case.case_code}.asice", disposition="attachment")


def _file(content: bytes, kind: str, name: str, *, disposition: str = "inline") -> Response:
    headers = {"Content-Disposition": f'{disposition}; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, content_type=kind, headers=headers)


@blueprint.route("/track", methods=["GET", "POST"])
def ask() -> Page:
    """By case code and the last four digits of the phone number given, with a limit on tries."""
    if request.method != "POST":  # HEAD too: looking is no try
        return render_template("track_form.html", problem=None), 200
    shared = web().context
    code, digits = request.form.get("case_code", ""), request.form.get("phone", "").strip()
    outcome = tracking.look_up(shared, code, digits, _address(), shared.clock())
    if outcome.case is not None:
        return _timeline(outcome.case, by_link=False), 200
    if outcome.too_many:
        return render_template("track_form.html", problem=TOO_MANY), 429, {"Retry-After": str(TOO_MANY_S)}
    return render_template("track_form.html", problem=NO_SUCH_CASE), 404


def _address() -> str | None:
    """Who asks; None for an address of our own side: it is a proxy's, and stands for everybody."""
    try:
        asks = ip_address(request.remote_addr or "")
    except ValueError:
        return None
    return str(asks) if asks.is_global else None


def _timeline(case: store.Case, *, by_link: bool, problem: str | None = None) -> str:
    shared = web().context
    state = CaseState(case.state)
    return render_template(
        "track.html",
        case=case,
        procedure=shared.catalogue.version(case.procedure_code, case.procedure_version),
        agency=called(shared, case.agency_code, day_of(shared.clock())),
        state_words=NATIONAL[state][1] if state in NATIONAL else "Bản nháp, chưa nộp",
        steps=[(step.at.astimezone(VIETNAM), step.vi, step.en) for step in tracking.steps(shared, case)],
        next_step=tracking.next_step(state),
        costs=standing.costs(shared, case),
        holder=standing.holder(shared, case, day_of(shared.clock())),
        papers=[(each, each.at.astimezone(VIETNAM)) for each in tracking.papers(shared, case)],
        base=f"/track/{case.track_token}" if by_link else None,
        problem=problem,
    )
