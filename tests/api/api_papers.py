"""A case whose papers and receipt were made and whose events were sealed, as workers do it behind."""

from dataclasses import dataclass
from datetime import UTC, datetime

from api_world import World

from gateway.service import case_papers, receipts, sealing


@dataclass(frozen=True)
class Papered:
    """`papers` are ids, oldest first."""

    code: str
    token: str
    papers: tuple[str, ...]
    receipt: str
    payment: str


def make_papers(world: World, case_code: str) -> tuple[str, ...]:
    """Make what was put down of a case; the ids, oldest first."""
    query = "SELECT id FROM case_papers WHERE case_code = :c ORDER BY event_id"
    ids = tuple(row.id for row in world.rows(query, c=case_code))
    for each in ids:
        case_papers.issue(world.house.context, each, datetime.now(UTC))
    return ids


def seal(world: World) -> None:
    while sealing.seal(world.house.context, datetime.now(UTC)):
        pass


def with_papers(world: World, *, who: str = "all") -> Papered:
    code = world.submitted(who=who)["case_code"]
    target = f"/v1/cases/{code}/transitions"
    answer = world.ask("POST", target, {"reference": world.fresh("tr"), "event": "accept"}, who=who)
    assert 200 == answer.status, answer.text
    payment = world.paid(code)
    receipts.issue(world.house.context, payment, datetime.now(UTC))
    number = world.one("SELECT receipt_number AS n FROM receipts WHERE payment_id = :p", p=payment).n
    papers = make_papers(world, code)
    seal(world)
    token = answer.json["links"]["track"].partition("/track/")[2]
    return Papered(code, token, papers, number, payment)
