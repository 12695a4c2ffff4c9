"""Webhook endpoints, their log, and the feed for those who cannot receive."""

import re

from apiflask import APIBlueprint
from flask import request

from gateway.domain.errors import Malformed
from gateway.domain.published import PUBLISHED
from gateway.service import show, webhooks
from gateway.store import spine
from gateway.store import webhooks as store
from gateway.web.api.models import EndpointIn, EndpointPatch
from gateway.web.api.shown import EndpointOut, EventsOut, ResentOut, TriesOut
from gateway.web.auth import caller
from gateway.web.context import web
from signing.errors import SigningError
from signing.webhooks import secret_bytes

blueprint = APIBlueprint("webhooks", __name__, url_prefix="/v1", tag="Events")

TRIES_SHOWN = 100
LARGEST_PAGE = 500


def _shown(endpoint: store.Endpoint) -> dict[str, object]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": list(endpoint.types),
        "state": endpoint.state,
        "failing_since": show.moment(endpoint.failing_since),
    }


@blueprint.post("/webhook_endpoints")
@blueprint.input(EndpointIn, arg_name="wanted")
@blueprint.output(EndpointOut, status_code=201)
def add(wanted: EndpointIn) -> dict[str, object]:
    """Where to be told: Standard Webhooks, `v1a` by our key, and `v1` if you give a secret."""
    try:
        secret = None if wanted.secret is None else secret_bytes(wanted.secret)
    except SigningError:
        raise Malformed("the secret is whsec_ and Base64 of 24 to 64 bytes") from None
    made = webhooks.add_endpoint(
        web().context, caller("cases:write"), url=wanted.url, types=wanted.events, secret=secret
    )
    return _shown(made)


@blueprint.get("/webhook_endpoints/<endpoint_id>")
@blueprint.output(EndpointOut)
def get(endpoint_id: str) -> dict[str, object]:
    return _shown(webhooks.find_endpoint(web().context, caller("read"), endpoint_id))


@blueprint.patch("/webhook_endpoints/<endpoint_id>")
@blueprint.input(EndpointPatch, arg_name="wanted")
@blueprint.output(EndpointOut)
def patch(endpoint_id: str, wanted: EndpointPatch) -> dict[str, object]:
    """Disable or enable an endpoint."""
    shared, who = web().context, caller("cases:write")
    webhooks.find_endpoint(shared, who, endpoint_id)
    with shared.engine.begin() as connection:
        store.change_endpoint(connection, endpoint_id, state=wanted.state, failing_since=None)
    return _shown(webhooks.find_endpoint(shared, who, endpoint_id))


@blueprint.delete("/webhook_endpoints/<endpoint_id>")
@blueprint.output({}, status_code=204)
def remove(endpoint_id: str) -> str:
    """Nothing more is sent there."""
    shared = web().context
    webhooks.find_endpoint(shared, caller("cases:write"), endpoint_id)
    with shared.engine.begin() as connection:
        store.remove_endpoint(connection, endpoint_id)
    return ""


@blueprint.get("/webhook_endpoints/<endpoint_id>/attempts")
@blueprint.output(TriesOut)
def tries(endpoint_id: str) -> dict[str, object]:
    """The newest tries and how they ended."""
    shared = web().context
    webhooks.find_endpoint(shared, caller("read"), endpoint_id)
    with shared.engine.connect() as connection:
        found = store.tries_of_endpoint(connection, endpoint_id, TRIES_SHOWN)
    return {
        "attempts": [
            {
                "id": each.id,
                "message_id": each.message_id,
                "created_at": show.moment(each.created_at),
                "status": each.status,
                "outcome": each.outcome,
            }
            for each in found
        ]
    }


@blueprint.post("/events/<event_id>/resend")
@blueprint.output(ResentOut)
def resend(event_id: str) -> dict[str, object]:
    """Send every message of an event again."""
    who = caller("cases:write")
    if not re.fullmatch(r"evt_[0-9]{1,18}", event_id):
        raise Malformed("an event's id is evt_ and digits")
    return {"messages": webhooks.resend(web().context, who, int(event_id.removeprefix("evt_")))}


@blueprint.get("/events")
@blueprint.output(EventsOut)
def feed() -> dict[str, object]:
    """Every state change of your cases, in order and without a gap: `after` is the last answer's `next_cursor`."""
    who = caller("read")
    after = request.args.get("after", spine.START)
    limit = request.args.get("limit", "100")
    if not re.fullmatch(r"[1-9][0-9]{0,2}", limit) or int(limit) > LARGEST_PAGE:
        raise Malformed(f"limit is 1 to {LARGEST_PAGE}")
    if not re.fullmatch(r"[0-9]{1,18}-[0-9]{1,18}", after):
        raise Malformed("after is not a cursor of this feed")
    with web().context.engine.connect() as connection:
        found = spine.read_after(connection, after, int(limit), who.portal_id)
    return {
        "events": [show.event(each) for each in found if each.type in PUBLISHED],
        "next_cursor": found[-1].position if found else after,
    }
