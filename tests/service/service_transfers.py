"""A payer who scans a code and transfers, and the service that watches the account: the sandbox's arithmetic."""

import itertools
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from service_world import ACCOUNT, NOW, World

from adapters import bank_webhook, counter, vietqr
from gateway.ports import InboundMessage, PaymentProvider
from sandbox import transfers_wire
from sandbox.transfers_wire import Line

SECRET = "sepay-secret-of-the-test"
NUMBERS = itertools.count(1000)
HERE = timezone(timedelta(hours=7))


def with_transfers(world: World, **more: PaymentProvider) -> World:
    """The world with VietQR, SePay and the desk beside its other providers."""
    watcher = bank_webhook.Settings(account=ACCOUNT, secret=SECRET, name="sepay")
    providers = {
        **world.context.providers,
        "vietqr": vietqr.Vietqr(vietqr.Settings(), world.wire),
        "sepay": bank_webhook.BankWebhook(watcher, world.wire),
        "counter": counter.Counter(counter.Settings(), world.wire),
        **more,
    }
    return replace(world, context=replace(world.context, providers=providers))


def notice(
    memo: str,
    amount_vnd: int,
    *,
    number: int | None = None,
    at: datetime = NOW,
    sent_at: datetime | None = None,
) -> InboundMessage:
    """SePay's notice of a line on the account; money that went out has a sum below zero."""
    told = Line(
        id=number or next(NUMBERS),
        account=ACCOUNT,
        amount_vnd=amount_vnd,
        balance_vnd=10**9,
        memo=memo,
        bank_reference=f"FT{number or 1}",
        at=at.astimezone(HERE),
    )
    body = transfers_wire.sepay_body(told, "BIDV")
    headers = transfers_wire.sealed_sepay(SECRET, body, sent_at or at)
    lower = {name.lower(): value for name, value in headers.items()}
    return InboundMessage(
        "POST", "/callbacks/sepay", b"", {**lower, "content-type": "application/json"}, body
    )
