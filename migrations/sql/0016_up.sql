-- How far the national portal has been told of a case. A call is written into `sending` before it is made, and `sent_through`
-- is the version of the last step in it. `facts` counts what changed of the case that is no step, `recorded_facts` how much
-- of that the portal's record has; `shown` is what the case's own row says of it.
CREATE TABLE portal_sync (
    case_code text NOT NULL,
    state text NOT NULL DEFAULT 'waiting',
    version integer NOT NULL DEFAULT 1,
    told_state text NOT NULL DEFAULT 'draft',
    told_version integer NOT NULL DEFAULT 0,
    recorded_version integer NOT NULL DEFAULT 0,
    facts integer NOT NULL DEFAULT 0,
    recorded_facts integer NOT NULL DEFAULT 0,
    sending text,
    sent_through integer,
    sent_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL,
    code text,
    behind_since timestamptz NOT NULL,
    shown text NOT NULL DEFAULT 'none',
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_portal_sync PRIMARY KEY (case_code),
    CONSTRAINT fk_portal_sync_case_code FOREIGN KEY (case_code) REFERENCES cases (case_code)
);
CREATE INDEX ix_portal_sync_due ON portal_sync (next_at) WHERE state = 'waiting';
CREATE INDEX ix_portal_sync_unshown ON portal_sync (case_code) WHERE shown <> state;
