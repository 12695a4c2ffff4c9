"""Every table, once. Sums are BIGINT VND, times are timestamptz, and uniques carry the promises.

Columns named `…_sealed` hold personal data, AES-256-GCM under a key of the keystore (`signing/seal.py`).
`state` columns of hot tables carry no index, so that a confirmation stays a heap-only update.
"""

from gateway.store.tables.base import metadata
from gateway.store.tables.cases import (
    case_counters,
    case_document_versions,
    case_documents,
    case_steps,
    case_transitions,
    cases,
    track_tries,
)
from gateway.store.tables.deliveries import deliveries, parcel_events
from gateway.store.tables.finance import day_closes, ledger, matches, statement_lines, statements
from gateway.store.tables.inbound import alarms, calls, cursors, events, inbox, nonces, portal_keys, portals
from gateway.store.tables.legal import legal_receipts
from gateway.store.tables.log import checkpoints, leaves, log_tiles, salts
from gateway.store.tables.papers import case_papers
from gateway.store.tables.payments import attempts, obligations, payments, receipt_series, receipts, refunds
from gateway.store.tables.portal_sync import portal_sync
from gateway.store.tables.providers import provider_health
from gateway.store.tables.retention import doomed_files, holds, retention
from gateway.store.tables.times import case_times, certified_outages
from gateway.store.tables.uploads import uploads
from gateway.store.tables.webhooks import webhook_attempts, webhook_endpoints, webhook_messages

__all__ = [
    "alarms",
    "attempts",
    "calls",
    "case_counters",
    "case_document_versions",
    "case_documents",
    "case_papers",
    "case_steps",
    "case_times",
    "case_transitions",
    "cases",
    "certified_outages",
    "checkpoints",
    "cursors",
    "day_closes",
    "deliveries",
    "doomed_files",
    "events",
    "holds",
    "inbox",
    "leaves",
    "ledger",
    "legal_receipts",
    "log_tiles",
    "matches",
    "metadata",
    "nonces",
    "obligations",
    "parcel_events",
    "payments",
    "portal_keys",
    "portal_sync",
    "portals",
    "provider_health",
    "receipt_series",
    "receipts",
    "refunds",
    "retention",
    "salts",
    "statement_lines",
    "statements",
    "track_tries",
    "uploads",
    "webhook_attempts",
    "webhook_endpoints",
    "webhook_messages",
]
