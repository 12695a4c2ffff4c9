"""The composition root: one installation put together from its settings. Its partners come from `gateway.partners`."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from threading import BoundedSemaphore
from typing import Any

from apiflask import APIFlask
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import TypeAdapter
from sqlalchemy import Engine

from adapters.statements import mt940
from gateway import calendars, figures, log, partners, procedures
from gateway.clamd import Clamd
from gateway.config import Settings
from gateway.domain import routing as routing_rules
from gateway.domain.agencies import TopAgency
from gateway.domain.errors import Misconfigured
from gateway.domain.retention import Periods
from gateway.domain.workdays import Calendar, EarlyWarning
from gateway.files import FolderFiles
from gateway.http import PLAIN_TOO, Door, Exchange, refuse_private
from gateway.inspection import inspect
from gateway.notary import open_notary
from gateway.papers import Papers, look_at_signature
from gateway.parts import FolderParts
from gateway.service import routing
from gateway.service.context import Context, Notary, Schedules
from gateway.store import embedded
from gateway.store import reports as report_store
from gateway.store.calls import CallJournal
from gateway.store.engine import Pool, make_engine, make_pool
from gateway.store.reports import Told
from gateway.store.together import Together
from gateway.web.app import create_app
from gateway.web.context import Web
from signing import jose, webhooks
from signing.keys import Kind
from signing.keystore import Keystore
from signing.seal import Sealer

HTTP, WEBHOOK, PAPER, DATA = "http", "webhook", "paper", "data"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class House:
    """One installation, opened: settings, the database's URL, its engine, its keys, and the use cases' context."""

    settings: Settings
    database_url: str
    engine: Engine
    keystore: Keystore
    papers: Papers
    context: Context

    def close(self) -> None:
        """Close every connection."""
        self.context.pool.close()
        self.engine.dispose()


def database_url(settings: Settings) -> str:
    """The URL of the database; starts the embedded one when no server is named."""
    return settings.database_url or embedded.start(settings.var_dir / "pg").url


@cache
def house() -> House:
    """The installation that the environment describes, opened once in a process."""
    settings = Settings()
    log.configure(settings.log_level)
    return open_house(settings, database_url(settings))


def open_house(
    settings: Settings,
    url: str,
    *,
    clock: Callable[[], datetime] = now,
    exchange: Exchange | None = None,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> House:
    """Open connections, keys and partners. Raises `Misconfigured`.

    A simulated world gives the time, what carries the calls, and chance.
    """
    calendar = _calendar(settings)
    engine, pool = make_engine(url), make_pool(url)
    keystore = Keystore.open(settings.var_dir / "keys")
    journal = CallJournal(pool)
    door = Door(journal, allow_private=not settings.live, clock=clock, exchange=exchange)
    plain = Door(journal, allow_private=not settings.live, clock=clock, exchange=exchange, schemes=PLAIN_TOO)
    papers = Papers(settings, keystore, plain, now)
    providers = partners.providers(settings, door)
    context = Context(
        engine=engine,
        pool=pool,
        record=_recorder(pool),
        sealer=Sealer(keystore.ensure_secret(DATA)),
        providers=providers,
        routes=routing_rules.read(settings.routes, routing.payable(providers)),
        operators=partners.operators(settings, door, clock),
        receipt_providers=partners.receipt_providers(settings, door),
        case_portal=partners.case_portal(settings, door),
        formats={"mt940": mt940.parse},
        agencies=partners.agencies(settings.agencies_file),
        top_agencies=_top_agencies(),
        catalogue=procedures.catalogue(settings.procedures_dir),
        calendar=calendar,
        files=FolderFiles(settings.var_dir / "files"),
        parts=FolderParts(settings.var_dir / "uploads"),
        inspect=inspect,
        scanner=Clamd(settings.clamd_url) if settings.clamd_url else None,
        max_upload_bytes=settings.max_upload_bytes,
        upload_life=timedelta(seconds=settings.upload_life_s),
        press=papers.press,
        look_at_signature=lambda pdf: look_at_signature(pdf, now()),
        check_address=refuse_private if settings.live else lambda _: None,
        sign_jws=_jws_signer(keystore),
        sign_webhook=_webhook_signer(keystore),
        webhook_door=door,
        public_url=settings.public_url.rstrip("/"),
        live=settings.live,
        schedules=_schedules(settings),
        try_life=timedelta(seconds=settings.try_life_s),
        refund_limit_vnd=settings.refund_limit_vnd,
        notary=_notary(settings, keystore, papers),
        periods=_periods(settings),
        shows_views=settings.show_views,
        clock=clock,
        entropy=entropy,
    )
    return House(settings, url, engine, keystore, papers, context)


def _schedules(settings: Settings) -> Schedules:
    return Schedules(
        settings.query_delays_s, settings.webhook_delays_s, settings.order_delays_s, settings.sync_delays_s
    )


def _periods(settings: Settings) -> Periods:
    return Periods(
        case_months=settings.retention_months,
        account_months=settings.account_retention_months,
        message_months=settings.message_retention_months,
    )


def _top_agencies() -> Mapping[str, TopAgency]:
    rows = _data("agencies_level1.json")["agencies"]
    return {each.code: each for each in TypeAdapter(list[TopAgency]).validate_python(rows)}


def _calendar(settings: Settings) -> Calendar:
    """The calendar that ships, with this installation's rule of when to warn. Raises `Misconfigured`."""
    known = calendars.read(_data("calendar.json"))
    share, days = settings.warn_share_percent, settings.warn_working_days
    if share is None and days is None:
        return known
    try:
        warning = EarlyWarning(share, days)
    except ValueError as error:
        raise Misconfigured(f"GATEWAY_WARN_SHARE_PERCENT, GATEWAY_WARN_WORKING_DAYS: {error}") from None
    return replace(known, rules=replace(known.rules, warning=warning))


def _notary(settings: Settings, keystore: Keystore, papers: Papers) -> Notary:
    """Who signs the proof log and binds containers."""
    return open_notary(
        settings,
        keystore,
        bind=papers.bind,
        stamp=papers.stamp(),
        keys=lambda: keystore.public_jwks(HTTP, WEBHOOK, PAPER),
        now=now(),
    )


def _recorder(pool: Pool) -> Callable[[Told], str]:
    """Reports of providers that arrive together are committed together."""

    def record(told: Sequence[Told]) -> Sequence[str]:
        with pool.connection() as connection:
            return report_store.record(connection, told)

    return Together(record).submit


def _called(context: Context) -> frozenset[str]:
    """Everybody whose health is watched."""
    portal = context.case_portal
    return frozenset(context.providers) | (frozenset() if portal is None else {portal.name})


def _jws_signer(keystore: Keystore) -> Callable[[bytes, str], str]:
    keystore.ensure(PAPER, Kind.P256, now=now())

    def sign(payload: bytes, typ: str) -> str:
        key = keystore.current(PAPER, now=now())
        return jose.sign_compact(payload, key=key.private_key, kid=key.kid, typ=typ)

    return sign


def _webhook_signer(keystore: Keystore) -> Callable[[str, datetime, bytes, bytes | None], str]:
    keystore.ensure(WEBHOOK, Kind.ED25519, now=now())

    def sign(message_id: str, at: datetime, body: bytes, secret: bytes | None) -> str:
        key = keystore.current(WEBHOOK, now=now()).private_key
        assert isinstance(key, Ed25519PrivateKey)
        return webhooks.sign(message_id=message_id, timestamp=at, body=body, secret=secret, private_key=key)

    return sign


def _data(*names: str) -> Any:
    return json.loads(resources.files("gateway").joinpath("data", *names).read_text(encoding="utf-8"))


# --- the web process ----------------------------------------------------------------------------


def wsgi() -> APIFlask:
    """What granian serves: one call in each of its processes."""
    return make_app(house())


def make_app(opened: House) -> APIFlask:
    settings = opened.settings
    store = opened.keystore
    store.ensure(HTTP, Kind.ED25519, now=now())
    return create_app(
        Web(
            context=opened.context,
            http_key=lambda: store.current(HTTP, now=now()),
            jwks=lambda: store.public_jwks(HTTP, WEBHOOK, PAPER, now=now()),
            paper_root=opened.papers.root().public_bytes(Encoding.PEM),
            max_body_bytes=settings.max_body_bytes,
            max_document_bytes=settings.max_document_bytes,
            upload_slots=BoundedSemaphore(max(1, settings.web_threads // 2)),
            is_ready=lambda: figures.why_not_ready(opened.engine),
            scrape=figures.scraper(opened.engine, _called(opened.context)),
            links=settings.links,
            are_entries_public=settings.proof_log_entries == "public",
        )
    )
