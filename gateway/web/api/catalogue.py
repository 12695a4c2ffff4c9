"""Procedures that anyone may read, and how the gateway itself is."""

from apiflask import APIBlueprint
from flask import request

from gateway import procedures as procedures_file
from gateway.service import cases, routing, show
from gateway.store import payments as store
from gateway.web.api.models import ProceduresOut, Shown, StatusOut
from gateway.web.auth import caller
from gateway.web.context import web

blueprint = APIBlueprint("catalogue", __name__, url_prefix="/v1", tag="Catalogue")


@blueprint.get("/procedures")
@blueprint.output(ProceduresOut)
def procedures() -> dict[str, object]:
    """The catalogue; filters `level` and `q` (a part of the name or code)."""
    caller("read")
    level, part = request.args.get("level"), request.args.get("q", "").casefold()
    found = [
        procedures_file.told(each)
        for each in web().context.procedures.values()
        if level in {None, str(each.level)}
        and part in f"{each.code} {each.name_vi} {each.name_en}".casefold()
    ]
    return {"procedures": found}


@blueprint.get("/procedures/<code>")
@blueprint.output(Shown)
def procedure(code: str) -> dict[str, object]:
    """All that must be known of a procedure: documents, fees with dates and legal basis, time, result."""
    caller("read")
    return procedures_file.told(cases.find_procedure(web().context, code))


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
