"""The Flask application, put together from what it is given."""

import json
import uuid
from urllib.parse import unquote_to_bytes

import structlog
from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, g, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from gateway.web import auth, described, pay, plain, problems, proof_log, track, verify
from gateway.web.api import cases, catalogue, deliveries, figures, payments, refunds, uploads, webhooks
from gateway.web.callbacks import Callbacks
from gateway.web.context import Web, rule, web
from gateway.web.filings import Filings
from gateway.web.strict_json import StrictJson, StrictRequest

log = structlog.get_logger()

VERSION = "0.1.0"
UPLOADS = ("documents", "result")
SIGNED = "/v1/"
CALLBACKS = "/callbacks/"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Of a page that has no script; one that has says so itself."""
API = (catalogue, cases, uploads, payments, refunds, deliveries, webhooks, figures)
SIGNED_BLUEPRINTS = frozenset(module.blueprint.name for module in API)


def create_app(given: Web) -> APIFlask:
    """The application. It opens nothing by itself: connections, keys and partners come in `given`."""
    app = APIFlask("gateway.web", title="Cổng 4", version=VERSION, docs_path=None, static_url_path="/static")
    app.extensions["cong4"] = given
    app.url_map.merge_slashes = False  # a path is signed as it is: no other one is meant
    app.config["OPENAPI_VERSION"] = "3.1.0"
    app.config["SYNC_LOCAL_SPEC"] = False
    app.json, app.request_class = StrictJson(app), StrictRequest
    app.error_processor(_of_apiflask)
    app.spec_processor(described.describe)
    problems.register(app)  # after the line above, which would take over every HTTP error
    app.before_request(_open)
    app.before_request(_api_request)
    app.after_request(_close)
    for module in API:
        app.register_blueprint(module.blueprint)
    app.register_blueprint(uploads.links)
    app.register_blueprint(plain.blueprint)
    app.register_blueprint(pay.blueprint)
    app.register_blueprint(track.blueprint)
    app.register_blueprint(verify.blueprint)
    app.register_blueprint(proof_log.blueprint)
    app.wsgi_app = Callbacks(Filings(app.wsgi_app, given), given)  # type: ignore[method-assign]
    return app


def _of_apiflask(error: HTTPError) -> Response:
    if error.status_code == 422 and isinstance(error.detail, dict):  # noqa: PLR2004 - as the contract says
        return problems.of_validation(error.detail)
    problem = problems.HTTP_PROBLEMS.get(error.status_code, problems.HTTP_PROBLEMS[500])
    return problems.answer(problem, problem.title)


def _open() -> None:
    """Every request has a trace id and a whole body within its limit.

    None may carry a zero byte, which the database could not even look for; only the query of a callback may, as
    that is evidence to be kept, whatever it says.
    """
    g.trace_id = uuid.uuid4().hex
    is_callback = request.path.startswith(CALLBACKS)
    if "\x00" in request.path or any("\x00" in value for value in request.headers.values()):
        raise BadRequest("a zero byte is part of no path and no header")
    if not is_callback and b"\x00" in unquote_to_bytes(request.query_string):
        raise BadRequest("a zero byte is part of no query")
    if request.blueprint == uploads.links.name:
        return  # a chunk is read as it comes, and nothing else has a body there
    is_upload = request.method == "PUT" and bool(set(UPLOADS) & set(request.path.split("/")))
    limit = web().max_document_bytes if is_upload else web().max_body_bytes
    # one byte more than the limit is read: a body in chunks that reaches a limit is cut there without a word
    request.max_content_length = limit + 1
    if len(request.get_data(cache=True)) > limit:
        raise RequestEntityTooLarge(f"at most {limit} bytes are taken here")


def _close(response: Response) -> Response:
    if request.path.startswith(SIGNED):
        auth.sign_answer(response)
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers["Cache-Control"] = "no-store"
    log.info("request", method=request.method, rule=rule(), status=response.status_code, trace_id=g.trace_id)
    return response


def _api_request() -> None:
    """What holds for portals only: they prove who they are, and send JSON."""
    if request.blueprint not in SIGNED_BLUEPRINTS:
        return
    auth.authenticate()
    if (
        request.method in {"POST", "PATCH"}
        and request.get_data(cache=True)
        and request.mimetype != "application/json"
    ):
        raise UnsupportedMediaType("the body is application/json")


def openapi_text(app: APIFlask) -> str:
    """The OpenAPI document as it is kept in `docs/openapi.json`."""
    with app.test_request_context():
        spec = app.spec
    return json.dumps(spec, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
