"""Procedures that anyone may read, and how the gateway itself is."""

from apiflask import APIBlueprint
from flask import request

from gateway import procedures as procedures_file
from gateway.domain.errors import Malformed
from gateway.service import cases, routing, show
from gateway.store import payments as store
from gateway.web.api.shown import ProceduresOut, Shown, StatusOut
from gateway.web.auth import caller
from gateway.web.context import web

LEVELS = ("1", "2", "3", "4")

blueprint = APIBlueprint("catalogue", __name__, url_prefix="/v1", tag="Catalogue")


@blueprint.get("/procedures")
@blueprint.output(ProceduresOut)
def procedures() -> dict[str, object]:
    """The catalogue; filters `level` and `q` (a part of the name or code)."""
    caller("read")
    level, part = request.args.get("level"), request.args.get("q", "")
    if level is not None and level not in LEVELS:
        raise Malformed("a level is 1, 2, 3 or 4")
    shared = web().context
    found = shared.catalogue.search(
        cases.today(shared.clock()), level=None if level is None else int(level), part=part
    )
    return {"procedures": [procedures_file.told(each) for each in found]}


@blueprint.get("/procedures/<code>")
@blueprint.output(Shown)
def procedure(code: str) -> dict[str, object]:
    """All that must be known of a procedure: documents, fees with dates and legal basis, time, result."""
    caller("read")
    shared = web().context
    return procedures_file.told(shared.catalogue.now(code, cases.today(shared.clock())))


@blueprint.get("/status")
@blueprint.output(StatusOut)
def status() -> dict[str, object]:
    """Each provider: up or down, since when; and how much money is in unknown state, with the oldest's time."""
    caller("read")
    shared = web().context
    with shared.engine.connect() as connection:
        unknown = store.unknown_money(connection)
        providers = routing.states(shared, connection)
    return {
        "unknown_money": [
            {"provider": name, "count": many, "sum_vnd": vnd, "oldest_at": show.moment(oldest)}
            for name, many, vnd, oldest in unknown
        ],
        "providers": [
            {
                "name": each.name,
                "state": "up" if each.is_up else "down",
                "since": show.moment(each.since),
                "capabilities": each.capabilities,
            }
            for each in providers
        ],
        "operators": sorted(shared.operators),
    }
