"""Where the QR code of a receipt leads to: whether we issued that number, and how to check the paper itself.

The number proves nothing by itself, so what is shown is only what stands on the paper and concerns no person. The page
also checks the container of a case, in the reader's browser: its script stands in it, so that a saved copy works.
"""

import base64
import hashlib
from importlib import resources

from apiflask import APIBlueprint
from flask import Response, render_template, request
from markupsafe import Markup

from gateway.domain.money import format_vnd
from gateway.service.cases import VIETNAM
from gateway.store import receipts as store
from gateway.web.context import web

blueprint = APIBlueprint("verify", __name__, enable_openapi=False)

MOST_CHARS = 40
"""No receipt number is longer."""
SCRIPT = resources.files("gateway").joinpath("web", "static", "verify.js").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode("ascii")
POLICY = (
    f"default-src 'none'; script-src 'sha256-{_HASH}'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@blueprint.get("/verify")
def verify() -> Response:
    """What became of the receipt of the number `r`; without one, how receipts and containers are checked."""
    asked = "".join(request.args.get("r", "")[: MOST_CHARS + 1].split()).upper()
    if not asked:
        return _page(200, asked=None, found=None)
    found = _find(asked)
    if found is None:
        return _page(404, asked=asked, found=None)
    known = web().context.agencies.get(found.agency_code)  # an agency may have gone since
    return _page(
        200,
        asked=asked,
        found=found,
        stands=found.state == "issued",
        day=found.issued_at.astimezone(VIETNAM).strftime("%d/%m/%Y"),
        total=format_vnd(found.amount_vnd),
        agency=known.name if known else found.agency_code,
    )


def _page(status: int, **told: object) -> Response:
    known = {"log_key": web().context.notary.key, "paper_root": _base64_of_pem(web().paper_root)}
    page = render_template("verify.html", script=Markup(SCRIPT), **known, **told)  # noqa: S704 - a file of ours
    return Response(page, status, {"Content-Security-Policy": POLICY}, mimetype="text/html")


def _base64_of_pem(pem: bytes) -> str:
    """The certificate in one line, as the script is given it."""
    return "".join(line for line in pem.decode("ascii").splitlines() if not line.startswith("-----"))


def _find(number: str) -> store.Issued | None:
    if len(number) > MOST_CHARS:
        return None
    with web().context.engine.connect() as connection:
        return store.find_by_number(connection, number)
