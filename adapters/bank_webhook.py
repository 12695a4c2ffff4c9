"""Notices of money on an account, as banks and the services that watch accounts for their owners send them.

One adapter for all that sign a JSON notice; what differs between them is a `Profile`. Three are built in, with our
reading in section 6 of `specs/payments.md`; a bank whose document is not public is served by a profile of its own.

* SePay: HMAC-SHA256 in hexadecimal over `{timestamp}.{body}`, the timestamp in a header, in seconds;
* Casso v2: HMAC-SHA512 over `{t}.` and the body as compact JSON, keys sorted at every depth, `t` in milliseconds;
* PayOS: HMAC-SHA256 over the fields of `data` as `name=value`, sorted, joined by `&`, nothing encoded, null empty.
  What stands outside `data` is covered by nothing and is never read; there is no timestamp.

A notice knows no order of ours: its report has no reference, and the memo holds our code if the payer's bank has left
it whole. Money out, and a notice of nothing, is no money of ours: `PENDING` without a sum, never `PAID`, and
acknowledged like any other. A sum that does not fit or a code that nobody knows is acknowledged too, since the money is
on the account whatever we say. The account is compared with ours. Times are +07:00.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from adapters.bank_webhook_wire import (
    PROFILES,
    Profile,
    Proof,
    holds,
    proof_of,
    rsa_key,
    signed_text,
    text_of,
)
from gateway.domain import wire
from gateway.domain.errors import BadSignature, ForeignPartner, Malformed, Misconfigured, Unsupported
from gateway.ports import (
    Answer,
    Capability,
    HttpAnswer,
    HttpDoor,
    InboundMessage,
    Outcome,
    Report,
    Started,
    StartOrder,
)

MAX_MEMO: Final = 1000
MAX_WINDOW_S: Final = 86_400

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_ACCOUNT = re.compile(r"[A-Za-z0-9]{1,30}")
_PROVIDER_REF = re.compile(r"[!-~]{1,64}")
_SIGNED_SUM = re.compile(rf"-?[0-9]{{1,{wire.MAX_SUM_DIGITS}}}")


# A notice that was understood is done, whatever came of it; the rest is sent again by its sender.
STATUSES: Final[Mapping[Answer, int]] = MappingProxyType(
    {**dict.fromkeys(Answer, 200), Answer.BAD_SIGNATURE: 401, Answer.MALFORMED: 400, Answer.OUR_ERROR: 500}
)


@dataclass(frozen=True, slots=True)
class Settings:
    """One sender about one account. `secret` is the HMAC key; for RSA `public_key` is the sender's, in PEM.

    `profile` names a built-in one, unless `own_profile` is given. `window_s` is how far a signed timestamp may lie
    from now. `name` tells several senders apart: callbacks, and what is remembered, go by it.
    """

    account: str
    secret: str = field(default="", repr=False)
    profile: str = "sepay"
    own_profile: Profile | None = None
    public_key: str = field(default="", repr=False)
    name: str = "bank_webhook"
    window_s: int = 300

    def __post_init__(self) -> None:
        """Raises `Misconfigured`."""
        if self.own_profile is None and self.profile not in PROFILES:
            raise Misconfigured(f"bank_webhook: profile is one of {', '.join(PROFILES)}")
        if not _NAME.fullmatch(self.name) or not _ACCOUNT.fullmatch(self.account):
            raise Misconfigured("bank_webhook: name and account are letters and digits")
        if not 0 < self.window_s <= MAX_WINDOW_S:
            raise Misconfigured(f"bank_webhook: window_s is from 1 to {MAX_WINDOW_S}")
        if self.rules.proof is Proof.RSA_SHA256:
            rsa_key(self.public_key)
        elif not self.secret:
            raise Misconfigured("bank_webhook: secret is empty")

    @property
    def rules(self) -> Profile:
        return self.own_profile or PROFILES[self.profile]


def decode_notice(settings: Settings, message: InboundMessage, now: datetime) -> Report:
    """Reads a notice. Raises `BadSignature`, also for one that is too old, `Malformed`, `ForeignPartner`."""
    rules = settings.rules
    document = _verified(settings, message, now)
    if text_of(document, rules.account) != settings.account:
        raise ForeignPartner("bank_webhook: the notice is about another account")
    number, code = text_of(document, rules.number), text_of(document, rules.code)
    if not _PROVIDER_REF.fullmatch(number):
        raise Malformed("bank_webhook: the transaction has no number")
    amount_vnd = _amount(rules, text_of(document, rules.amount))
    outcome = _outcome(rules, code, amount_vnd)
    return Report(
        outcome=outcome,
        reference="",
        amount_vnd=amount_vnd if amount_vnd > 0 and outcome is not Outcome.PENDING else None,
        currency=(text_of(document, rules.currency) if rules.currency else "") or "VND",
        provider_ref=number,
        code=code,
        occurred_at=_moment(text_of(document, rules.moment)),
        memo=wire.one_line(text_of(document, rules.memo), MAX_MEMO),
    )


def _verified(settings: Settings, message: InboundMessage, now: datetime) -> dict[str, object]:
    """The body of a message whose signature holds and whose timestamp, where it is signed, is near."""
    rules = settings.rules
    given, stamp = proof_of(rules, message)
    text = signed_text(rules, message.body, stamp)
    key = settings.public_key if rules.proof is Proof.RSA_SHA256 else settings.secret
    if not holds(rules, given, text, key=key):
        raise BadSignature("bank_webhook: the signature does not hold")
    if stamp and abs(now.timestamp() - int(stamp) / rules.stamp_per_s) > settings.window_s:
        raise BadSignature("bank_webhook: the notice was signed too long ago, or in the future")
    return wire.strict_json_object(message.body)


def _outcome(rules: Profile, code: str, amount_vnd: int) -> Outcome:
    if code in rules.codes_out:
        return Outcome.PENDING
    if code not in rules.codes_in:
        return Outcome.UNKNOWN
    return Outcome.PAID if amount_vnd > 0 else Outcome.PENDING


def _amount(rules: Profile, text: str) -> int:
    if rules.negative_out and _SIGNED_SUM.fullmatch(text):
        return int(text)
    return wire.whole_number(text)


def _moment(text: str) -> datetime | None:
    """A local time as these senders write it, in UTC; None where the text names none: the money has come anyway."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=wire.VIETNAM).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class BankWebhook:
    """The adapter: see `gateway.ports.PaymentProvider` for the contract."""

    name = "bank_webhook"
    capabilities = frozenset({Capability.NOTICE, Capability.CALLBACK})

    def __init__(self, settings: Settings, http: HttpDoor) -> None:  # noqa: ARG002 - built as every adapter is
        self._settings = settings
        self.name = settings.name

    def start(self, order: StartOrder) -> Started:  # noqa: ARG002 - only refuses
        raise Unsupported("bank_webhook: a notice starts nothing")

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:
        return decode_notice(self._settings, message, now)

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:  # noqa: ARG002 - fixed
        status = STATUSES[answer]
        body = self._settings.rules.done if status == STATUSES[Answer.OK] else b'{"success":false}'
        return HttpAnswer(status=status, body=body, headers={"content-type": "application/json"})

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:  # noqa: ARG002 - only refuses
        raise Unsupported("bank_webhook: a sender of notices knows no order of ours")
