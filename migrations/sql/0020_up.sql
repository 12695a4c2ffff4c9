-- Who has a case that was handed over between agencies; null while its own agency always had it.
ALTER TABLE cases ADD COLUMN handled_by text;

CREATE TABLE case_steps (
    case_code text NOT NULL,
    number integer NOT NULL,
    from_agency text NOT NULL,
    agency_code text NOT NULL,
    name text NOT NULL,
    reason text NOT NULL,
    why_returned text,
    state text NOT NULL,
    due_at timestamptz,
    handed_over_at timestamptz NOT NULL,
    acknowledged_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT pk_case_steps PRIMARY KEY (case_code, number),
    CONSTRAINT fk_case_steps_case_code FOREIGN KEY (case_code) REFERENCES cases (case_code)
);
-- one hand-over at a time waits for its receiver, and one agency has the case
CREATE UNIQUE INDEX uq_case_steps_open ON case_steps (case_code, state) WHERE state IN ('handed_over', 'acknowledged');

-- What a document was before another one took its place.
ALTER TABLE case_documents ADD COLUMN version integer NOT NULL DEFAULT 1;
CREATE TABLE case_document_versions (
    case_code text NOT NULL,
    code text NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    media_type text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    stored_at timestamptz,
    scan text NOT NULL,
    replaced_at timestamptz NOT NULL,
    CONSTRAINT pk_case_document_versions PRIMARY KEY (case_code, code, version),
    CONSTRAINT fk_case_document_versions_case_code FOREIGN KEY (case_code) REFERENCES cases (case_code)
);
CREATE INDEX ix_case_document_versions_sha256 ON case_document_versions (sha256);
