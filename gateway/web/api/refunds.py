"""Refunds by REST."""

from apiflask import APIBlueprint

from gateway.service import refunds, show
from gateway.web.api.models import RefundIn
from gateway.web.api.shown import RefundOut
from gateway.web.auth import caller
from gateway.web.context import web

blueprint = APIBlueprint("refunds", __name__, url_prefix="/v1", tag="Refunds")


@blueprint.post("/payments/<payment_id>/refunds")
@blueprint.input(RefundIn, arg_name="wanted")
@blueprint.output(RefundOut, status_code=201)
def create(payment_id: str, wanted: RefundIn) -> tuple[dict[str, object], int]:
    """Ask for money to be given back; 412 when `refundable_vnd` is not what is left."""
    who, shared = caller("refunds:write"), web().context
    made, is_new = refunds.request(shared, who, payment_id, wanted.model_dump(), shared.clock())
    return show.refund(shared, made), 201 if is_new else 200


@blueprint.get("/refunds/<refund_id>")
@blueprint.output(RefundOut)
def get(refund_id: str) -> dict[str, object]:
    """A refund as it stands."""
    shared = web().context
    return show.refund(shared, refunds.find(shared, caller("read"), refund_id))
