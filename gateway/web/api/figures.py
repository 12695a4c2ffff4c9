"""The figures of a month by REST."""

from apiflask import APIBlueprint
from flask import request

from gateway.domain.errors import Malformed
from gateway.service import case_figures, figures_shown
from gateway.web.api.shown import FiguresOut
from gateway.web.auth import caller
from gateway.web.context import web

LONGEST = 250

blueprint = APIBlueprint("figures", __name__, url_prefix="/v1", tag="Figures")


@blueprint.get("/figures")
@blueprint.output(FiguresOut)
def of_month() -> dict[str, object]:
    """How the cases of a month went, of your agency and those under it; each figure with its formula (Index 766)."""
    who, shared = caller("read"), web().context
    agency, field = (request.args.get(name) or None for name in ("agency", "field"))
    if max(len(agency or ""), len(field or "")) > LONGEST:
        raise Malformed("no agency and no field has so long a name")
    asked = case_figures.Asked(case_figures.month(request.args.get("month", "")), agency, field)
    return figures_shown.shown(shared, case_figures.of_portal(shared, who, asked, shared.clock()))
