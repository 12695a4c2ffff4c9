"""Where the QR code of a receipt leads to: whether we issued that number, and how to check the paper itself.

The number proves nothing by itself, so what is shown is only what stands on the paper and concerns no person.
"""

from apiflask import APIBlueprint
from flask import render_template, request

from gateway.domain.money import format_vnd
from gateway.service.cases import VIETNAM
from gateway.store import receipts as store
from gateway.web.context import web

blueprint = APIBlueprint("verify", __name__, enable_openapi=False)

MOST_CHARS = 40
"""No receipt number is longer."""


@blueprint.get("/verify")
def verify() -> tuple[str, int]:
    """What became of the receipt of the number `r`; without one, how a receipt is checked."""
    asked = "".join(request.args.get("r", "")[: MOST_CHARS + 1].split()).upper()
    if not asked:
        return render_template("verify.html", asked=None, found=None), 200
    found = _find(asked)
    if found is None:
        return render_template("verify.html", asked=asked, found=None), 404
    known = web().context.agencies.get(found.agency_code)  # an agency may have gone since
    page = render_template(
        "verify.html",
        asked=asked,
        found=found,
        stands=found.state == "issued",
        day=found.issued_at.astimezone(VIETNAM).strftime("%d/%m/%Y"),
        total=format_vnd(found.amount_vnd),
        agency=known.name if known else found.agency_code,
    )
    return page, 200


def _find(number: str) -> store.Issued | None:
    if len(number) > MOST_CHARS:
        return None
    with web().context.engine.connect() as connection:
        return store.find_by_number(connection, number)
