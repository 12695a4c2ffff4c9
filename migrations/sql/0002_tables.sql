-- The tables of the walking skeleton, in the order of their references.

CREATE TABLE alarms (
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_alarms PRIMARY KEY (id),
    CONSTRAINT uq_alarms_name_subject UNIQUE (name, subject)
);

CREATE TABLE calls (
    id BIGSERIAL NOT NULL,
    method TEXT NOT NULL,
    host TEXT NOT NULL,
    path TEXT NOT NULL,
    request_sha256 TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    outcome TEXT,
    status INTEGER,
    answer BYTEA,
    CONSTRAINT pk_calls PRIMARY KEY (id)
);

CREATE INDEX ix_calls_created_at ON calls (created_at);

CREATE TABLE case_counters (
    agency_code TEXT NOT NULL,
    day DATE NOT NULL,
    last INTEGER NOT NULL,
    CONSTRAINT pk_case_counters PRIMARY KEY (agency_code, day)
);

CREATE TABLE cursors (
    name TEXT NOT NULL,
    position TEXT NOT NULL,
    moved_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_cursors PRIMARY KEY (name)
);

CREATE TABLE day_closes (
    day DATE NOT NULL,
    account TEXT NOT NULL,
    expected_vnd BIGINT NOT NULL,
    received_vnd BIGINT NOT NULL,
    booked_vnd BIGINT NOT NULL,
    open_breaks INTEGER NOT NULL,
    green BOOLEAN NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_day_closes PRIMARY KEY (day, account)
);

CREATE TABLE events (
    id BIGSERIAL NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    portal_id TEXT,
    case_code TEXT,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    type TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT,
    version INTEGER NOT NULL,
    actor TEXT NOT NULL,
    cause TEXT NOT NULL,
    data JSONB DEFAULT '{}' NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (id)
);

CREATE INDEX ix_events_case_code_id ON events (case_code, id);

CREATE INDEX ix_events_xid_id ON events (xid, id);

CREATE TABLE inbox (
    id BIGSERIAL NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    source TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    query BYTEA NOT NULL,
    headers JSONB NOT NULL,
    body BYTEA NOT NULL,
    verdict TEXT NOT NULL,
    reference TEXT,
    CONSTRAINT pk_inbox PRIMARY KEY (id)
);

CREATE INDEX ix_inbox_received_at ON inbox (received_at);

CREATE INDEX ix_inbox_reference ON inbox (reference) WHERE reference IS NOT NULL;

CREATE TABLE ledger (
    id BIGSERIAL NOT NULL,
    event_id BIGINT NOT NULL,
    account TEXT NOT NULL,
    debit_vnd BIGINT NOT NULL,
    credit_vnd BIGINT NOT NULL,
    booked_on DATE NOT NULL,
    CONSTRAINT pk_ledger PRIMARY KEY (id),
    CONSTRAINT ck_ledger_one_side CHECK ((debit_vnd > 0 AND credit_vnd = 0) OR (debit_vnd = 0 AND credit_vnd > 0))
);

CREATE INDEX ix_ledger_booked_on_account ON ledger (booked_on, account);

CREATE TABLE nonces (
    keyid TEXT NOT NULL,
    nonce TEXT NOT NULL,
    signed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_nonces PRIMARY KEY (keyid, nonce)
);

CREATE INDEX ix_nonces_signed_at ON nonces (signed_at);

CREATE TABLE parcel_events (
    operator TEXT NOT NULL,
    source_id TEXT NOT NULL,
    order_number TEXT NOT NULL,
    item_code TEXT,
    code TEXT NOT NULL,
    meaning TEXT,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    office TEXT,
    CONSTRAINT pk_parcel_events PRIMARY KEY (operator, source_id)
);

CREATE INDEX ix_parcel_events_operator_order_number ON parcel_events (operator, order_number);

CREATE TABLE portals (
    id TEXT DEFAULT new_id('prt') NOT NULL,
    name TEXT NOT NULL,
    agency_code TEXT NOT NULL,
    live BOOLEAN NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_portals PRIMARY KEY (id),
    CONSTRAINT uq_portals_name UNIQUE (name)
);

CREATE TABLE receipt_series (
    series TEXT NOT NULL,
    last INTEGER NOT NULL,
    CONSTRAINT pk_receipt_series PRIMARY KEY (series)
);

CREATE TABLE statements (
    id TEXT DEFAULT new_id('stm') NOT NULL,
    account TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    format TEXT NOT NULL,
    opening_vnd BIGINT NOT NULL,
    closing_vnd BIGINT NOT NULL,
    from_on DATE NOT NULL,
    to_on DATE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_statements PRIMARY KEY (id),
    CONSTRAINT uq_statements_account_sha256 UNIQUE (account, sha256)
);

CREATE TABLE track_tries (
    id BIGSERIAL NOT NULL,
    case_code TEXT NOT NULL,
    tried_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_track_tries PRIMARY KEY (id)
);

CREATE INDEX ix_track_tries_case_code_tried_at ON track_tries (case_code, tried_at);

CREATE TABLE cases (
    case_code TEXT NOT NULL,
    portal_id TEXT NOT NULL,
    reference TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    procedure_code TEXT NOT NULL,
    agency_code TEXT NOT NULL,
    state TEXT NOT NULL,
    money_state TEXT NOT NULL,
    delivery_state TEXT DEFAULT 'none' NOT NULL,
    sync_state TEXT DEFAULT 'none' NOT NULL,
    version INTEGER DEFAULT '1' NOT NULL,
    applicant_sealed BYTEA NOT NULL,
    phone_index BYTEA,
    answers_sealed BYTEA NOT NULL,
    reduction TEXT,
    fees JSONB NOT NULL,
    track_token TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    submitted_at TIMESTAMP WITH TIME ZONE,
    accepted_at TIMESTAMP WITH TIME ZONE,
    due_on DATE,
    finished_at TIMESTAMP WITH TIME ZONE,
    handed_over_at TIMESTAMP WITH TIME ZONE,
    submission_receipt TEXT,
    CONSTRAINT pk_cases PRIMARY KEY (case_code),
    CONSTRAINT uq_cases_portal_id_reference UNIQUE (portal_id, reference),
    CONSTRAINT uq_cases_track_token UNIQUE (track_token),
    CONSTRAINT fk_cases_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id)
)
 WITH (fillfactor = 80);

CREATE TABLE portal_keys (
    keyid TEXT NOT NULL,
    portal_id TEXT NOT NULL,
    public_pem TEXT NOT NULL,
    scopes TEXT[] NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_portal_keys PRIMARY KEY (keyid),
    CONSTRAINT fk_portal_keys_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id)
);

CREATE TABLE statement_lines (
    id BIGSERIAL NOT NULL,
    statement_id TEXT NOT NULL,
    line_no INTEGER NOT NULL,
    account TEXT NOT NULL,
    value_on DATE NOT NULL,
    amount_vnd BIGINT NOT NULL,
    bank_ref TEXT NOT NULL,
    memo_sealed BYTEA NOT NULL,
    content_index BYTEA NOT NULL,
    occurrence INTEGER NOT NULL,
    CONSTRAINT pk_statement_lines PRIMARY KEY (id),
    CONSTRAINT uq_statement_lines_account_content_index_occurrence UNIQUE (account, content_index, occurrence),
    CONSTRAINT uq_statement_lines_statement_id_line_no UNIQUE (statement_id, line_no),
    CONSTRAINT fk_statement_lines_statement_id FOREIGN KEY(statement_id) REFERENCES statements (id)
);

CREATE INDEX ix_statement_lines_account_value_on ON statement_lines (account, value_on);

CREATE TABLE webhook_endpoints (
    id TEXT DEFAULT new_id('whk') NOT NULL,
    portal_id TEXT NOT NULL,
    url TEXT NOT NULL,
    types TEXT[] NOT NULL,
    secret_sealed BYTEA,
    state TEXT DEFAULT 'enabled' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    failing_since TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_webhook_endpoints PRIMARY KEY (id),
    CONSTRAINT uq_webhook_endpoints_portal_id_url UNIQUE (portal_id, url),
    CONSTRAINT fk_webhook_endpoints_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id)
);

CREATE TABLE case_documents (
    case_code TEXT NOT NULL,
    code TEXT NOT NULL,
    role TEXT DEFAULT 'submitted' NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    stored_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_case_documents PRIMARY KEY (case_code, code, role),
    CONSTRAINT fk_case_documents_case_code FOREIGN KEY(case_code) REFERENCES cases (case_code)
);

CREATE TABLE case_transitions (
    case_code TEXT NOT NULL,
    reference TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_case_transitions PRIMARY KEY (case_code, reference),
    CONSTRAINT fk_case_transitions_case_code FOREIGN KEY(case_code) REFERENCES cases (case_code)
);

CREATE TABLE deliveries (
    id TEXT DEFAULT new_id('dlv') NOT NULL,
    portal_id TEXT NOT NULL,
    reference TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    case_code TEXT NOT NULL,
    method TEXT NOT NULL,
    operator TEXT,
    order_number TEXT NOT NULL,
    item_code TEXT,
    state TEXT NOT NULL,
    recipient_sealed BYTEA NOT NULL,
    cod_vnd BIGINT DEFAULT '0' NOT NULL,
    version INTEGER DEFAULT '1' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    handed_over_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_deliveries PRIMARY KEY (id),
    CONSTRAINT uq_deliveries_portal_id_reference UNIQUE (portal_id, reference),
    CONSTRAINT uq_deliveries_operator_order_number UNIQUE (operator, order_number),
    CONSTRAINT fk_deliveries_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id),
    CONSTRAINT fk_deliveries_case_code FOREIGN KEY(case_code) REFERENCES cases (case_code)
);

CREATE INDEX ix_deliveries_case_code ON deliveries (case_code);

CREATE TABLE payments (
    id TEXT DEFAULT new_id('pay') NOT NULL,
    portal_id TEXT NOT NULL,
    reference TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    order_code TEXT NOT NULL,
    case_code TEXT NOT NULL,
    agency_code TEXT NOT NULL,
    state TEXT NOT NULL,
    amount_vnd BIGINT NOT NULL,
    lines JSONB NOT NULL,
    paid_vnd BIGINT DEFAULT '0' NOT NULL,
    refunded_vnd BIGINT DEFAULT '0' NOT NULL,
    provider TEXT,
    payer_sealed BYTEA NOT NULL,
    return_url TEXT NOT NULL,
    token TEXT NOT NULL,
    version INTEGER DEFAULT '1' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    paid_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_payments PRIMARY KEY (id),
    CONSTRAINT uq_payments_portal_id_reference UNIQUE (portal_id, reference),
    CONSTRAINT uq_payments_order_code UNIQUE (order_code),
    CONSTRAINT uq_payments_token UNIQUE (token),
    CONSTRAINT ck_payments_positive CHECK (amount_vnd > 0),
    CONSTRAINT ck_payments_refund_within_paid CHECK (refunded_vnd <= paid_vnd),
    CONSTRAINT fk_payments_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id),
    CONSTRAINT fk_payments_case_code FOREIGN KEY(case_code) REFERENCES cases (case_code)
)
 WITH (fillfactor = 80);

CREATE INDEX ix_payments_case_code ON payments (case_code);

CREATE TABLE webhook_messages (
    id TEXT DEFAULT new_id('msg') NOT NULL,
    endpoint_id TEXT NOT NULL,
    event_id BIGINT NOT NULL,
    body BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    delivered_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_webhook_messages PRIMARY KEY (id),
    CONSTRAINT uq_webhook_messages_endpoint_id_event_id UNIQUE (endpoint_id, event_id),
    CONSTRAINT fk_webhook_messages_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES webhook_endpoints (id)
);

CREATE TABLE attempts (
    id TEXT DEFAULT new_id('att') NOT NULL,
    payment_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    reference TEXT NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    provider_ref TEXT,
    code TEXT,
    paid_vnd BIGINT,
    paid_at TIMESTAMP WITH TIME ZONE,
    redirect_url TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_attempts PRIMARY KEY (id),
    CONSTRAINT uq_attempts_provider_reference UNIQUE (provider, reference),
    CONSTRAINT uq_attempts_payment_id_number UNIQUE (payment_id, number),
    CONSTRAINT uq_attempts_provider_provider_ref UNIQUE (provider, provider_ref),
    CONSTRAINT fk_attempts_payment_id FOREIGN KEY(payment_id) REFERENCES payments (id)
)
 WITH (fillfactor = 80);

CREATE TABLE obligations (
    id TEXT DEFAULT new_id('obl') NOT NULL,
    kind TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    amount_vnd BIGINT NOT NULL,
    provider TEXT NOT NULL,
    provider_ref TEXT NOT NULL,
    owner TEXT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_obligations PRIMARY KEY (id),
    CONSTRAINT uq_obligations_provider_provider_ref UNIQUE (provider, provider_ref),
    CONSTRAINT fk_obligations_payment_id FOREIGN KEY(payment_id) REFERENCES payments (id)
);

CREATE TABLE receipts (
    id TEXT DEFAULT new_id('rct') NOT NULL,
    payment_id TEXT NOT NULL,
    series TEXT NOT NULL,
    number INTEGER NOT NULL,
    receipt_number TEXT NOT NULL,
    state TEXT NOT NULL,
    facts_sealed BYTEA NOT NULL,
    pdf_sha256 TEXT,
    json_sha256 TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_receipts PRIMARY KEY (id),
    CONSTRAINT uq_receipts_series_number UNIQUE (series, number),
    CONSTRAINT fk_receipts_payment_id FOREIGN KEY(payment_id) REFERENCES payments (id)
);

CREATE UNIQUE INDEX uq_receipts_live_payment ON receipts (payment_id) WHERE state IN ('numbered', 'issued');

CREATE TABLE webhook_attempts (
    id BIGSERIAL NOT NULL,
    message_id TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    status INTEGER,
    outcome TEXT NOT NULL,
    CONSTRAINT pk_webhook_attempts PRIMARY KEY (id),
    CONSTRAINT fk_webhook_attempts_message_id FOREIGN KEY(message_id) REFERENCES webhook_messages (id)
);

CREATE INDEX ix_webhook_attempts_message_id ON webhook_attempts (message_id);

CREATE TABLE matches (
    line_id BIGINT NOT NULL,
    attempt_id TEXT,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_matches PRIMARY KEY (line_id),
    CONSTRAINT fk_matches_line_id FOREIGN KEY(line_id) REFERENCES statement_lines (id),
    CONSTRAINT fk_matches_attempt_id FOREIGN KEY(attempt_id) REFERENCES attempts (id)
);

CREATE UNIQUE INDEX uq_matches_attempt_id ON matches (attempt_id) WHERE attempt_id IS NOT NULL;
