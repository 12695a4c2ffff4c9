"""What is not for portals: provider callbacks, health, metrics, our public keys, the first page."""

from typing import cast

from apiflask import APIBlueprint
from flask import Response, jsonify, render_template

from gateway.domain.errors import NotFound
from gateway.ports import Capability
from gateway.service import inquiries, reports
from gateway.web.context import message, web
from gateway.web.problems import HTTP_PROBLEMS, PROBLEMS, UPLOAD_PROBLEMS

blueprint = APIBlueprint("plain", __name__, enable_openapi=False)


@blueprint.route("/callbacks/<provider>", methods=["GET", "POST"])
def callback(provider: str) -> Response:
    """A provider's own message, answered in its own words."""
    shared = web().context
    try:
        adapter = shared.providers[provider]
    except KeyError:
        raise NotFound("no payment provider has this name") from None
    made = reports.hear(shared, adapter, message(), shared.clock())
    return Response(made.body, made.status, dict(made.headers))


@blueprint.post("/inquiries/<provider>")
def inquiry(provider: str) -> Response:
    """A provider's question what is owed, answered in its own words with what is owed now."""
    shared = web().context
    adapter = shared.providers.get(provider)
    if adapter is None or Capability.INQUIRY not in adapter.capabilities:
        raise NotFound("no provider of this name asks us")
    made = inquiries.answer(shared, cast("inquiries.Asks", adapter), message(), shared.clock())
    return Response(made.body, made.status, dict(made.headers))


@blueprint.get("/")
def index() -> str:
    shared = web()
    return render_template("index.html", providers=sorted(shared.context.providers), links=shared.links)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process lives."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """The database answers and has the schema of this code."""
    why_not = web().is_ready()
    return (jsonify(status="ok"), 200) if why_not is None else (jsonify(status="not ready", why=why_not), 503)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Figures for Prometheus."""
    return Response(web().scrape(), content_type="text/plain; version=0.0.4; charset=utf-8")


@blueprint.get("/.well-known/jwks.json")
def jwks() -> Response:
    """The public keys that our answers, webhooks and papers are signed with."""
    answer = jsonify(web().jwks())
    # shorter than the time for which a key is published before it signs (signing/keystore.py, LEAD)
    answer.headers["Cache-Control"] = "public, max-age=60"
    return answer


@blueprint.get("/.well-known/paper-root.pem")
def paper_root() -> Response:
    """The certificate above the one that our receipts are signed with."""
    return Response(web().paper_root, content_type="application/x-pem-file")


@blueprint.get("/docs/errors")
def errors() -> str:
    """What each problem means, in two languages."""
    known = {
        each.code: each for each in [*HTTP_PROBLEMS.values(), *PROBLEMS.values(), *UPLOAD_PROBLEMS.values()]
    }
    return render_template("errors.html", problems=sorted(known.values(), key=lambda each: each.code))
