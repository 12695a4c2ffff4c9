-- The official papers of a case: one of its form for each event that makes one, numbered by form within the case.
CREATE TABLE case_papers (
    id text NOT NULL DEFAULT new_id('pap'),
    case_code text NOT NULL,
    form text NOT NULL,
    number integer NOT NULL,
    event_id bigint NOT NULL,
    facts_sealed bytea NOT NULL,
    pdf_sha256 text,
    json_sha256 text,
    level text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    made_at timestamptz,
    CONSTRAINT pk_case_papers PRIMARY KEY (id),
    CONSTRAINT fk_case_papers_case_code FOREIGN KEY (case_code) REFERENCES cases (case_code),
    CONSTRAINT uq_case_papers_event_id_form UNIQUE (event_id, form),
    CONSTRAINT uq_case_papers_case_code_form_number UNIQUE (case_code, form, number),
    CONSTRAINT ck_case_papers_made_whole
    CHECK ((made_at IS NULL) = (pdf_sha256 IS NULL OR json_sha256 IS NULL OR level IS NULL))
);
