-- Refunds: money given back, a fact beside a payment.
CREATE TABLE refunds (
    id TEXT DEFAULT new_id('ref') NOT NULL,
    portal_id TEXT NOT NULL,
    reference TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    attempt_id TEXT NOT NULL,
    wire_reference TEXT NOT NULL,
    provider TEXT NOT NULL,
    amount_vnd BIGINT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER DEFAULT '1' NOT NULL,
    requested_by TEXT NOT NULL,
    approved_by TEXT,
    provider_ref TEXT,
    code TEXT,
    proof_sha256 TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_refunds PRIMARY KEY (id),
    CONSTRAINT uq_refunds_portal_id_reference UNIQUE (portal_id, reference),
    CONSTRAINT uq_refunds_wire_reference UNIQUE (wire_reference),
    CONSTRAINT ck_refunds_positive CHECK (amount_vnd > 0),
    CONSTRAINT fk_refunds_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id),
    CONSTRAINT fk_refunds_payment_id FOREIGN KEY(payment_id) REFERENCES payments (id),
    CONSTRAINT fk_refunds_attempt_id FOREIGN KEY(attempt_id) REFERENCES attempts (id)
);

CREATE INDEX ix_refunds_payment_id ON refunds (payment_id);

-- One open alarm for a thing: when it was closed and the thing happens again, there is a new one.
ALTER TABLE alarms DROP CONSTRAINT uq_alarms_name_subject;
CREATE UNIQUE INDEX uq_alarms_open ON alarms (name, subject) WHERE closed_at IS NULL;
