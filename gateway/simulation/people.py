"""Citizens who pay, each in his own way, and what they did with their money: the truth that books are held against."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from random import Random
from urllib.parse import urlencode, urljoin

from gateway.domain.errors import Forbidden
from gateway.domain.payment import DESK, AttemptState
from gateway.ports import Capability, Method, Taking
from gateway.service import desk, payments, tries
from gateway.service.cases import Caller
from gateway.simulation.clock import Agenda, Clock, seconds
from gateway.simulation.wire import Wire
from gateway.store import payments as store
from gateway.wiring import House
from sandbox.faults import MAGIC
from sandbox.outward import Reply

FORM = re.compile(
    r'<form method="post" action="(?P<action>[^"]+)">.*?name="token" value="(?P<token>[^"]*)"', re.DOTALL
)
OK = 200
SEE_OTHER = range(300, 400)
LONGEST_WAY = 6
OWN_BANK = "transfers"
POST, POSTAGE_VND = "9988776655", 30_000
"""The account of the post, and what a parcel costs."""
READABLE, UNREADABLE = ("kept", "framed", "capitals", "wrapped", "glued"), ("cut", "lost")
"""What becomes of a memo: some banks change it and leave our code whole, some payers spoil it."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How often a citizen does what, of one. What is left of one pays as he is asked to."""

    faulty: float = 0.5
    never_pays: float = 0.08
    calls_off: float = 0.08
    pays_twice: float = 0.05
    cancelled: float = 0.05
    after_expiry: float = 0.04
    with_postage: float = 0.15
    too_little: float = 0.08
    too_much: float = 0.06
    spoilt_memo: float = 0.08
    comes_back: float = 0.7
    tries_again: float = 0.7


@dataclass(slots=True)
class Citizen:
    """One who is to pay, and where he is with it."""

    payment_id: str
    amount_vnd: int
    token: str
    order_code: str
    wants: str
    tries: int = 0


@dataclass(slots=True)
class People:
    """Everybody of a world; each step puts the next one on the agenda."""

    house: House
    caller: Caller
    wire: Wire
    agenda: Agenda
    clock: Clock
    chance: Random
    urls: dict[str, str]
    providers: tuple[str, ...]
    habits: Habits = Habits()
    citizens: dict[str, Citizen] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)

    # --- one who is to pay --------------------------------------------------------------------------

    def arrive(self, case_code: str, number: int) -> None:
        """A portal orders a payment, and its citizen looks at it."""
        chance, now = self.chance, self.clock()
        amount_vnd = chance.randrange(20, 600) * 1000
        if chance.random() < self.habits.faulty:
            magic = chance.choice(sorted(MAGIC))
            self.wire.faults[MAGIC[magic].value] += 1
            amount_vnd += magic
        lines: list[dict[str, object]] = [
            {"kind": "phi", "code": f"P{number}", "name": "Phí", "amount_vnd": amount_vnd}
        ]
        if self._happens(self.habits.with_postage):
            lines.append(
                {
                    "kind": "postage",
                    "code": "CUOC",
                    "name": "Cước",
                    "amount_vnd": POSTAGE_VND,
                    "account": POST,
                }
            )
            amount_vnd += POSTAGE_VND
        wanted = {
            "reference": f"sim-{number}",
            "case_code": case_code,
            "lines": lines,
            "payer": {"name": "Nguyễn Văn A"},
            "return_url": "https://portal.example/done",
            "expires_in_s": chance.choice((900, 3600, 86_400)),
        }
        made, _ = payments.create(self.house.context, self.caller, wanted, now)
        citizen = Citizen(
            made.id, amount_vnd, made.token, made.order_code, wants=chance.choice(self.providers)
        )
        self.citizens[made.id] = citizen
        if self._happens(self.habits.never_pays):
            self.done["never_paid"] += 1
            return
        if self._happens(self.habits.cancelled):
            self.agenda.put(now + seconds(chance, 60, 7200), lambda: self._cancel(citizen))
        late = self._happens(self.habits.after_expiry)
        self.agenda.put(now + seconds(chance, 5, 300), lambda: self.choose(citizen, late=late))

    def _happens(self, share: float) -> bool:
        return self.chance.random() < share

    def _cancel(self, citizen: Citizen) -> None:
        try:
            payments.cancel(self.house.context, self.caller, citizen.payment_id, self.clock())
            self.done["cancelled"] += 1
        except Forbidden:
            self.done["not_cancelled"] += 1

    def choose(self, citizen: Citizen, *, late: bool = False) -> None:
        """He picks a way to pay on our page, and goes where it leads."""
        citizen.tries += 1
        if citizen.wants == DESK:
            self._soon(300, 7200, lambda: self._at_desk(citizen))
            return
        page = f"{self.urls['gateway']}/pay/{citizen.token}"
        answer = self.wire.browse("POST", page, {"provider": citizen.wants})
        self.done[f"chose_{answer.status}"] += 1
        if answer.status not in SEE_OTHER:
            self._another_way(citizen)
            return
        attempt = self._newest(citizen)
        if attempt is None or attempt.state != AttemptState.SENT:
            self._another_way(citizen)
            return
        wait = (90_000.0, 100_000.0) if late else (20.0, 900.0)
        self._soon(*wait, lambda: self._pay(citizen, attempt))

    def _another_way(self, citizen: Citizen) -> None:
        if citizen.tries < LONGEST_WAY and self._happens(self.habits.tries_again):
            citizen.wants = self.chance.choice(self.providers)
            self._soon(60, 1800, lambda: self.choose(citizen))

    def _newest(self, citizen: Citizen) -> store.Attempt | None:
        with self.house.engine.connect() as connection:
            return next(reversed(store.attempts_of(connection, citizen.payment_id)), None)

    def _soon(self, least_s: float, most_s: float, do: Callable[[], None]) -> None:
        self.agenda.put(self.clock() + seconds(self.chance, least_s, most_s), do)

    # --- paying -------------------------------------------------------------------------------------

    def _pay(self, citizen: Citizen, attempt: store.Attempt) -> None:
        provider = self.house.context.providers[attempt.provider]
        if attempt.redirect_url is not None:
            self._at_page(citizen, attempt.redirect_url)
        elif attempt.pay_code is not None:
            self._at_page(
                citizen, f"{self.urls[attempt.provider]}/thuho?{urlencode({'ma': attempt.pay_code})}"
            )
        elif attempt.qr_payload is not None and Capability.CALLBACK in provider.capabilities:
            qr = urlencode({"qr": attempt.qr_payload})
            self._at_page(citizen, f"{self.urls[attempt.provider]}/quet?{qr}")
        elif attempt.qr_payload is not None:
            self._transfer(attempt.qr_payload, attempt.asked_vnd or citizen.amount_vnd)
        if self._happens(self.habits.pays_twice):
            self.done["pays_twice"] += 1
            self._soon(5, 4000, lambda: self.choose(citizen))

    def _at_page(self, citizen: Citizen, url: str) -> None:
        """A provider's page with its two buttons, and the way back."""
        shown = self.wire.browse("GET", url)
        found = FORM.search(shown.body.decode("utf-8", "replace"))
        if found is None:
            self.done["no_page"] += 1
            self._another_way(citizen)
            return
        calls_off = self._happens(self.habits.calls_off)
        form = {"token": unescape(found["token"]), "result": "cancel" if calls_off else "pay"}
        answer = self.wire.browse("POST", urljoin(url, unescape(found["action"])), form)
        self.done["called_off" if calls_off else "pressed_pay"] += 1
        if answer.status in SEE_OTHER and self._happens(self.habits.comes_back):
            self._come_back(answer)
        if calls_off:
            self._another_way(citizen)

    def _come_back(self, answer: Reply) -> None:
        where = answer.headers.get("location", "")
        if where.startswith(self.urls["gateway"]):
            self.done[f"came_back_{self.wire.browse('GET', where).status}"] += 1

    def _transfer(self, qr: str, asked_vnd: int) -> None:
        """He scans the code with his own bank, and may change the sum or spoil the memo."""
        amount_vnd = asked_vnd
        if self._happens(self.habits.too_little):
            amount_vnd = max(asked_vnd // 2, 1)
            if self._happens(0.5):
                self._soon(600, 40_000, lambda: self._send(qr, asked_vnd - amount_vnd, "kept"))
        elif self._happens(self.habits.too_much):
            amount_vnd = asked_vnd + 10_000
        how = READABLE if not self._happens(self.habits.spoilt_memo) else UNREADABLE
        self._send(qr, amount_vnd, self.chance.choice(how))

    def _send(self, qr: str, amount_vnd: int, garble: str) -> None:
        wish = {"qr": qr, "amount_vnd": amount_vnd, "garble": garble}
        answer = self.wire.tell(f"{self.urls[OWN_BANK]}/transfer", wish)
        self.done[f"transfer_{answer.status}"] += 1
        if answer.status == OK and garble in UNREADABLE:
            self.wire.faults[f"memo_{garble}"] += 1

    # --- at the desk --------------------------------------------------------------------------------

    def _at_desk(self, citizen: Citizen) -> None:
        """A clerk takes what is owed; the day's takings are at the bank an hour later, under each order's code."""
        with self.house.engine.connect() as connection:
            payment = store.find(connection, citizen.payment_id)
        assert payment is not None
        owed_vnd, now = tries.left_vnd(payment), self.clock()
        self.done["at_desk"] += 1
        paper = f"SIM/{self.done['at_desk']:06d}"
        taking = Taking(payment.order_code, max(owed_vnd, 1), Method.CASH, "motcua.lan", paper, now)
        try:
            desk.take(self.house.context, taking, now)
        except Forbidden:
            self.done["desk_refused"] += 1
            self._another_way(citizen)
            return
        self.agenda.put(now + timedelta(hours=1), lambda: self._deposit(payment, owed_vnd))

    def _deposit(self, payment: store.Payment, amount_vnd: int) -> None:
        account = self.house.context.agency(payment.agency_code).account
        credit = {
            "account": account,
            "amount_vnd": amount_vnd,
            "memo": f"NOP TIEN MAT {self._reference(payment)}",
        }
        assert self.wire.tell(f"{self.urls['bank']}/_control", {"credit": credit}).status == OK

    def _reference(self, payment: store.Payment) -> str:
        with self.house.engine.connect() as connection:
            known = store.attempts_of(connection, payment.id)
        return next(each.reference for each in reversed(known) if each.provider == DESK)
