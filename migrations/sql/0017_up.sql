-- What the virus scan said of a document: not_scanned, pending (kept apart until it is known), clean, infected.
ALTER TABLE case_documents ADD COLUMN scan text NOT NULL DEFAULT 'not_scanned';

-- Uploads that can be resumed (tus 1.0.0). The link is a capability: only its SHA-256 is kept.
CREATE TABLE uploads (
    id text NOT NULL DEFAULT new_id('upl'),
    link_sha256 text NOT NULL,
    portal_id text NOT NULL,
    case_code text NOT NULL,
    document_code text NOT NULL,
    metadata text NOT NULL,
    size_bytes bigint NOT NULL,
    offset_bytes bigint NOT NULL DEFAULT 0,
    state text NOT NULL,
    reason text,
    cause text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT pk_uploads PRIMARY KEY (id),
    CONSTRAINT uq_uploads_link_sha256 UNIQUE (link_sha256),
    CONSTRAINT fk_uploads_portal_id FOREIGN KEY (portal_id) REFERENCES portals (id),
    CONSTRAINT fk_uploads_case_code FOREIGN KEY (case_code) REFERENCES cases (case_code),
    CONSTRAINT ck_uploads_offset CHECK (offset_bytes BETWEEN 0 AND size_bytes)
);
CREATE INDEX ix_uploads_case_code_document_code ON uploads (case_code, document_code);
CREATE INDEX ix_uploads_open ON uploads (expires_at) WHERE state = 'open';
