"""The papers of a case, made as a worker makes them, and read back."""

import json
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from service_world import AGENCY, NOW, World

from gateway.domain.form_parts import Office
from gateway.service import case_papers, cases, extensions
from gateway.store import cases as case_store

OFFICE = Office(
    authority="Ủy ban nhân dân tỉnh Hòa Bình",
    unit="Bộ phận Một cửa",
    code="H28",
    place="Hòa Bình",
    phone="0218 3888 222",
    address="Số 5 đường An Dương Vương",
)


def with_office(world: World) -> World:
    agency = replace(AGENCY, office=OFFICE)
    return replace(world, context=replace(world.context, agencies={"H28": agency}))


def planned(world: World, case_code: str) -> list[tuple[str, str]]:
    """Form and id of each paper that was put down, in the order of their events."""
    query = "SELECT form, id FROM case_papers WHERE case_code = :code ORDER BY event_id, form"
    return [(form, paper_id) for form, paper_id in world.rows(query, code=case_code)]


def newest(world: World, case_code: str) -> tuple[str, str]:
    return planned(world, case_code)[-1]


def made(world: World, case_code: str, paper_id: str, at: datetime = NOW) -> tuple[bytes, dict[str, Any]]:
    """The PDF and the facts of a paper, which is made now if it was not."""
    case_papers.issue(world.context, paper_id, at)
    pdf, data = (
        case_papers.content(world.context, world.caller, case_code, paper_id, kind)
        for kind in ("pdf", "json")
    )
    return pdf, json.loads(data)


def decide(world: World, case_code: str, event: str, at: datetime = NOW, **said: object) -> case_store.Case:
    wanted = {"reference": world.fresh("tr"), "event": event, **said}
    return cases.transition(world.context, world.caller, case_code, wanted, at)


def extend(world: World, case_code: str, on: date, at: datetime = NOW, **said: object) -> case_store.Case:
    wanted = {"reference": world.fresh("ex"), "reason": "Xác minh chậm", "new_due_on": on, **said}
    return extensions.extend(world.context, world.caller, case_code, wanted, at)
