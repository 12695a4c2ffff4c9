"""Who we work with: providers, posts and agencies, made from settings. The only module that knows the real adapters."""

import dataclasses
import json
import typing
from collections.abc import Callable, Mapping
from datetime import datetime, time
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adapters import (
    bank_webhook,
    bidv,
    counter,
    dvcqg,
    keypay,
    keypay2,
    paygov,
    ttttqg,
    vietinbank,
    vietqr,
    viettelpay,
    vnpay,
)
from adapters.portal import dvcqg_sync
from adapters.receipts import misa, viettel, vnpt
from gateway.config import DvcqgSettings, Settings, VnpaySettings, VnpostSettings
from gateway.domain.delivery import DeliveryState
from gateway.domain.errors import Malformed, Misconfigured
from gateway.domain.form_parts import Office
from gateway.ports import (
    CLOSES_AT,
    Agency,
    ApologyRule,
    CasePortal,
    HttpDoor,
    LegalSeries,
    Party,
    PaymentProvider,
    PostalOperator,
    ReceiptProvider,
    ReceiptSeries,
)
from postal import vnpost_ngsp

APOLOGY_DAYS = range(1, 31)

Make = Callable[[Any, HttpDoor], PaymentProvider]

KINDS: Mapping[str, tuple[ModuleType, Make]] = {
    "bank_webhook": (bank_webhook, bank_webhook.BankWebhook),
    "bidv": (bidv, bidv.Bidv),
    "counter": (counter, counter.Counter),
    "dvcqg": (dvcqg, dvcqg.Dvcqg),
    "keypay": (keypay, keypay.Keypay),
    "keypay2": (keypay2, keypay2.Keypay2),
    "paygov": (paygov, paygov.Paygov),
    "ttttqg": (ttttqg, ttttqg.Ttttqg),
    "vietinbank": (vietinbank, vietinbank.Vietinbank),
    "vietqr": (vietqr, vietqr.Vietqr),
    "viettelpay": (viettelpay, viettelpay.Viettelpay),
    "vnpay": (vnpay, vnpay.Vnpay),
}
"""Each kind of provider: its adapter's module, and the class that speaks for it."""


RECEIPT_KINDS: Mapping[str, tuple[type, Callable[[Any, HttpDoor], ReceiptProvider]]] = {
    "misa": (misa.Settings, misa.Misa),
    "viettel": (viettel.Settings, viettel.Viettel),
    "vnpt": (vnpt.Settings, vnpt.Vnpt),
}
"""Each provider of legal receipts: its settings, and the class that speaks for it."""


def providers(settings: Settings, door: HttpDoor) -> Mapping[str, PaymentProvider]:
    """Every provider that is configured, by its name. Raises `Misconfigured`, without any value."""
    found: dict[str, PaymentProvider] = {}
    if settings.vnpay is not None:
        found["vnpay"] = vnpay.Vnpay(_vnpay(settings.vnpay), door)
    if settings.dvcqg is not None:
        found["dvcqg"] = dvcqg.Dvcqg(_dvcqg(settings.dvcqg), door)
    for name, given in settings.providers.items():
        kind = str(given.get("kind", name))
        if kind not in KINDS:
            raise Misconfigured(f"GATEWAY_PROVIDERS: {name[:40]} is of no kind that is known")
        module, make = KINDS[kind]
        made = make(read_settings(module.Settings, {**given, **_named(module.Settings, name)}, name), door)
        if made.name in found:
            raise Misconfigured(f"GATEWAY_PROVIDERS: two providers are called {made.name}")
        found[made.name] = made
    _one_watcher_an_account(settings)
    return found


def _one_watcher_an_account(settings: Settings) -> None:
    """Two services that tell of the same transfer, each by a number of its own, would have it counted twice."""
    accounts = [
        str(given.get("account"))
        for name, given in settings.providers.items()
        if given.get("kind", name) == "bank_webhook"
    ]
    if len(set(accounts)) != len(accounts):
        raise Misconfigured("GATEWAY_PROVIDERS: two senders of notices watch one account")


def _named(kind: type, name: str) -> dict[str, str]:
    """The name, for a kind that several may be of."""
    return {"name": name} if "name" in {each.name for each in dataclasses.fields(kind)} else {}


def read_settings(kind: type, given: Mapping[str, Any], name: str, setting: str = "GATEWAY_PROVIDERS") -> Any:
    """An adapter's own settings from JSON. Raises `Misconfigured`, which names the fields and never a value."""
    fields = {each.name: each for each in dataclasses.fields(kind) if each.init}
    unknown = sorted(given.keys() - fields.keys() - {"kind"})
    if unknown:
        raise Misconfigured(f"{setting}: {name}: no such setting: {', '.join(unknown)[:200]}")
    needed = {
        each.name
        for each in fields.values()
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    }
    lacking = sorted(needed - given.keys())
    if lacking:
        raise Misconfigured(f"{setting}: {name}: a setting is absent: {', '.join(lacking)}")
    hints = typing.get_type_hints(kind)
    values = {}
    for field in given.keys() - {"kind"}:
        try:
            values[field] = TypeAdapter(hints[field]).validate_python(given[field])
        except ValidationError:
            raise Misconfigured(f"{setting}: {name}: {field} is of the wrong form") from None
    return kind(**values)


def _vnpay(given: VnpaySettings) -> vnpay.Settings:
    return vnpay.Settings(
        tmn_code=given.tmn_code,
        secret=given.secret.get_secret_value(),
        pay_url=given.pay_url,
        query_url=given.query_url,
        server_ip=given.server_ip,
    )


def _dvcqg(given: DvcqgSettings) -> dvcqg.Settings:
    return dvcqg.Settings(
        partner_code=given.partner_code,
        secret=given.secret.get_secret_value(),
        init_url=given.init_url,
        query_url=given.query_url,
        bill_url=given.bill_url,
        bearer_token=given.bearer_token.get_secret_value(),
        inquiry_token=given.inquiry_token.get_secret_value(),
        client_id=given.client_id,
        postage_kind=given.postage_kind,
        failure_codes=given.failure_codes,
    )


def receipt_providers(settings: Settings, door: HttpDoor) -> Mapping[str, ReceiptProvider]:
    """Every provider of legal receipts that is configured, by its name. Raises `Misconfigured`, without any value."""
    found = {}
    for name, given in settings.receipt_providers.items():
        if name not in RECEIPT_KINDS:
            raise Misconfigured(
                f"GATEWAY_RECEIPT_PROVIDERS: {name[:40]} is none of {', '.join(RECEIPT_KINDS)}"
            )
        kind, make = RECEIPT_KINDS[name]
        found[name] = make(read_settings(kind, given, name), door)
    return found


def case_portal(settings: Settings, door: HttpDoor) -> CasePortal | None:
    """The national portal, where it is told of cases. Raises `Misconfigured`, without any value."""
    if settings.case_portal is None:
        return None
    given = read_settings(
        dvcqg_sync.Settings, settings.case_portal, dvcqg_sync.DvcqgSync.name, "GATEWAY_CASE_PORTAL"
    )
    return dvcqg_sync.DvcqgSync(given, door)


def operators(
    settings: Settings, door: HttpDoor, clock: Callable[[], datetime]
) -> Mapping[str, PostalOperator]:
    if settings.vnpost_ngsp is None:
        return {}
    operator = vnpost_ngsp.VnpostNgsp(_vnpost(settings.vnpost_ngsp), door, clock=clock)
    return {operator.name: operator}


def _vnpost(given: VnpostSettings) -> vnpost_ngsp.Settings:
    base = given.base_url.rstrip("/")
    return vnpost_ngsp.Settings(
        token_url=given.token_url,
        order_url=f"{base}/order/post",
        cancel_url=f"{base}/order/cancel",
        tracking_url=f"{base}/order/tracking",
        customer_code=given.customer_code,
        consumer_key=given.consumer_key,
        consumer_secret=given.consumer_secret.get_secret_value(),
        repeated_order_is_known=given.repeated_order_is_known,
        tracking_codes={code: DeliveryState(state) for code, state in given.tracking_codes.items()},
    )


def agencies(path: Path | None) -> Mapping[str, Agency]:
    if path is None:
        return {}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {row["code"]: _agency(row) for row in rows}
    except (OSError, ValueError, KeyError, TypeError, Malformed) as error:
        raise Misconfigured(f"the agencies file cannot be read: {type(error).__name__}") from error


def _agency(row: Mapping[str, Any]) -> Agency:
    sender = row.get("sender")
    office, closes_at = _office(row)
    return Agency(
        code=row["code"],
        name=row["name"],
        account=row["account"],
        bank_bin=row["bank_bin"],
        account_name=row["account_name"],
        tax_code=row.get("tax_code", ""),
        sender=None if sender is None else Party(**sender),
        legal=_legal(row.get("legal_receipts")),
        office=office,
        closes_at=closes_at,
        apology=_apology(row.get("apology")),
    )


def _office(row: Mapping[str, Any]) -> tuple[Office, time]:
    """How an agency stands on the official forms, and when its desk closes. Raises `Malformed`, `TypeError`."""
    given = {"authority": "", "unit": row["name"], **row.get("office", {})}
    if not all(isinstance(value, str) for value in given.values()):
        raise TypeError("each detail of an office is a text")
    closes = given.pop("closes_at", None)
    at = CLOSES_AT if closes is None else datetime.strptime(closes, "%H:%M").time()
    return Office(**given, code=row["code"]), at


def _apology(given: Mapping[str, Any] | None) -> ApologyRule | None:
    """What is said of a late case without anybody's doing. Raises `Malformed`, `TypeError`."""
    if given is None:
        return None
    rule = ApologyRule(**given)
    if not all(isinstance(each, str) for each in (rule.reason, rule.name, rule.title)):
        raise TypeError("each detail of an apology is a text")
    if type(rule.working_days) is not int or rule.working_days not in APOLOGY_DAYS or not rule.reason.strip():
        raise Malformed("an apology has a reason, and a new day that is 1 to 30 working days later")
    return rule


def _legal(given: Mapping[str, str] | None) -> LegalSeries | None:
    """Where an agency's legal receipts are issued. Raises `Malformed` for signs that no receipt can have."""
    if given is None:
        return None
    known = LegalSeries(given["provider"], given["form"], given["letters"])
    ReceiptSeries("0000000000", known.form, known.sign_in(0))
    return known
