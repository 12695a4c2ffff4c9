"""The example of `docs/adding-a-procedure.md` is a procedure that is taken, and means what the page says."""

import re
from datetime import date
from pathlib import Path

from gateway import procedures
from gateway.domain.fees import Asked, Channel, charges
from gateway.domain.procedure import PayWhen

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-procedure.md"


def test_the_example_of_the_page_is_read_without_a_fault_and_counts_its_fee() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (known,) = procedures.parse(example, "9.000001.json")
    assert [] == list(procedures.faults(known))
    asked = Asked(date(2026, 12, 1), Channel.ONLINE, "ho-ngheo", {"so-to": 4})
    assert [30_000] == [each.amount_vnd for each in charges(known.fees, asked)]
    assert (PayWhen.BEFORE, PayWhen.WITH) == (known.pays(Channel.ONLINE), known.pays(Channel.COUNTER))


def test_the_page_names_every_part_that_decides_something() -> None:
    parts = (
        "level",
        "documents",
        "fees",
        "fields",
        "ways",
        "pay",
        "deliveries",
        "refund_when_refused",
        "unconfirmed",
    )
    told = PAGE.read_text(encoding="utf-8")
    assert [] == [each for each in parts if f"| `{each}` |" not in told]
