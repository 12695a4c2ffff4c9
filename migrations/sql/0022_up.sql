-- Outages that a person of an agency certified: rows stay as they are, and a mistake is taken back by a row that names
-- it. Without an agency an outage was everybody's. How far cases follow is told by their events.
CREATE TABLE certified_outages (
    id bigserial NOT NULL,
    agency_code text,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    reason text NOT NULL,
    certified_by text NOT NULL,
    takes_back bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_certified_outages PRIMARY KEY (id),
    CONSTRAINT fk_certified_outages_takes_back FOREIGN KEY (takes_back) REFERENCES certified_outages (id),
    CONSTRAINT uq_certified_outages_takes_back UNIQUE (takes_back),
    CONSTRAINT ck_certified_outages_is_over CHECK (from_at < to_at)
);
CREATE TRIGGER certified_outages_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON certified_outages
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The times of a case, derived behind from its events: what is due when, what was told of it, how it ended. `told` is
-- of the due moment `told_due_at`; `next_at` is when somebody is to be told next.
CREATE TABLE case_times (
    case_code text NOT NULL,
    accepted_at timestamptz,
    due_at timestamptz,
    told text NOT NULL DEFAULT 'nothing',
    told_due_at timestamptz,
    next_at timestamptz,
    ended_at timestamptz,
    ended_as text,
    supplements integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_case_times PRIMARY KEY (case_code),
    CONSTRAINT fk_case_times_case_code FOREIGN KEY (case_code) REFERENCES cases (case_code),
    CONSTRAINT ck_case_times_end_is_told CHECK ((ended_at IS NULL) = (ended_as IS NULL))
);
CREATE INDEX ix_case_times_next_at ON case_times (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX ix_case_times_ended_at ON case_times (ended_at);
