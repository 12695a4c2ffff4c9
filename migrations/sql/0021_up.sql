-- When each case ended, and what was erased of it since. It is filled from the spine, so that it knows the cases of the
-- releases before too.
CREATE TABLE retention (
    case_code text NOT NULL,
    ended_at timestamptz NOT NULL,
    forgotten_at timestamptz,
    accounts_forgotten_at timestamptz,
    CONSTRAINT pk_retention PRIMARY KEY (case_code),
    CONSTRAINT fk_retention_case_code FOREIGN KEY (case_code) REFERENCES cases (case_code)
);
CREATE INDEX ix_retention_people ON retention (ended_at, case_code) WHERE forgotten_at IS NULL;
CREATE INDEX ix_retention_accounts ON retention (ended_at, case_code)
    WHERE forgotten_at IS NOT NULL AND accounts_forgotten_at IS NULL;

-- What somebody wants to be kept, whatever the rule says; who set and cleared it is told by the spine.
CREATE TABLE holds (
    case_code text NOT NULL,
    reason text NOT NULL,
    set_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_holds PRIMARY KEY (case_code),
    CONSTRAINT fk_holds_case_code FOREIGN KEY (case_code) REFERENCES cases (case_code)
);

-- Files that nothing may name any more: written down with the erasure, removed after it, also when we die in between.
CREATE TABLE doomed_files (
    sha256 text NOT NULL,
    is_proof boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_doomed_files PRIMARY KEY (sha256)
);
CREATE INDEX ix_case_documents_sha256 ON case_documents (sha256);

ALTER TABLE cases ADD COLUMN forgotten_at timestamptz;
ALTER TABLE statements ADD COLUMN forgotten_at timestamptz;

-- An event of a forgotten case may lose parts of its data, and nothing else ever changes.
CREATE FUNCTION refuse_other_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.data @> NEW.data AND to_jsonb(NEW) - 'data' = to_jsonb(OLD) - 'data'
        AND EXISTS (SELECT FROM cases c WHERE c.case_code = OLD.case_code AND c.forgotten_at IS NOT NULL) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'events is append-only' USING ERRCODE = 'restrict_violation';
END $$;
DROP TRIGGER events_append_only ON events;
CREATE TRIGGER events_append_only BEFORE DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_stay BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION refuse_other_event();
