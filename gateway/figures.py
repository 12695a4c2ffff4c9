"""What operations read: whether this installation is ready, and its figures for Prometheus."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway.store import health as health_store
from gateway.store import jobs as job_store
from gateway.store import migrate
from gateway.store import payments as payment_store
from gateway.store import portal_sync as sync_store
from gateway.store import webhooks as webhook_store


def why_not_ready(engine: Engine) -> str | None:
    """None when the database answers and has a schema that this code works with."""
    try:
        with engine.connect() as connection:
            return migrate.why_not_usable(connection)
    except SQLAlchemyError as error:
        return type(error).__name__


class Figures:
    """Figures read from the database at each scrape, so that every process tells the same."""

    def __init__(self, engine: Engine, providers: Collection[str]) -> None:
        self._engine = engine
        self._providers = sorted(providers)

    def collect(self) -> list[Metric]:
        states = GaugeMetricFamily("cong4_payments", "Payments by state", labels=["state"])
        jobs = GaugeMetricFamily("cong4_jobs", "Jobs by status", labels=["status"])
        unknown = GaugeMetricFamily(
            "cong4_unknown_money_vnd", "Money whose fate is not known", labels=["provider"]
        )
        oldest = GaugeMetricFamily(
            "cong4_unknown_money_oldest_seconds", "Age of the oldest of it", labels=["provider"]
        )
        waiting = GaugeMetricFamily("cong4_webhooks_undelivered", "Webhook messages not delivered yet")
        untold = GaugeMetricFamily(
            "cong4_portal_sync_cases", "Cases that the national portal is behind with", labels=["state"]
        )
        untold_oldest = GaugeMetricFamily("cong4_portal_sync_oldest_seconds", "Age of the oldest of them")
        up = GaugeMetricFamily("cong4_provider_up", "1 while a provider is up, else 0", labels=["provider"])
        with self._engine.connect() as connection:
            for state, count in payment_store.count_by_state(connection).items():
                states.add_metric([state], count)
            for status, count in job_store.counts(connection).items():
                jobs.add_metric([status], count)
            for provider, _, vnd, since in payment_store.unknown_money(connection):
                unknown.add_metric([provider], vnd)
                oldest.add_metric([provider], (datetime.now(UTC) - since).total_seconds())
            waiting.add_metric([], webhook_store.undelivered(connection))
            lag = sync_store.lag(connection)
            known = health_store.of_all(connection)
        untold.add_metric(["waiting"], lag.waiting)
        untold.add_metric(["refused"], lag.refused)
        now = datetime.now(UTC)
        untold_oldest.add_metric([], (now - (lag.oldest_at or now)).total_seconds())
        for name in self._providers:
            up.add_metric([name], float(name not in known or known[name].is_up))
        return [states, jobs, unknown, oldest, waiting, untold, untold_oldest, up]


def scraper(engine: Engine, providers: Collection[str]) -> Callable[[], bytes]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(engine, providers))
    return lambda: generate_latest(registry)
