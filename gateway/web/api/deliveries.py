"""Deliveries by REST."""

from apiflask import APIBlueprint

from gateway.service import deliveries, show
from gateway.web.api.models import DeliveryIn
from gateway.web.api.shown import DeliveryOut
from gateway.web.auth import caller
from gateway.web.context import web

blueprint = APIBlueprint("deliveries", __name__, url_prefix="/v1/deliveries", tag="Deliveries")


@blueprint.post("")
@blueprint.input(DeliveryIn, arg_name="wanted")
@blueprint.output(DeliveryOut, status_code=201)
def create(wanted: DeliveryIn) -> tuple[dict[str, object], int]:
    """Order a delivery by post; it is given to the operator once the result is ready."""
    who, shared = caller("deliveries:write"), web().context
    made, is_new = deliveries.order(shared, who, wanted.model_dump(), shared.clock())
    return show.delivery(shared, made), 201 if is_new else 200


@blueprint.get("/<delivery_id>")
@blueprint.output(DeliveryOut)
def get(delivery_id: str) -> dict[str, object]:
    """A delivery as the post's own feed tells it."""
    shared = web().context
    return show.delivery(shared, deliveries.find(shared, caller("read"), delivery_id))
