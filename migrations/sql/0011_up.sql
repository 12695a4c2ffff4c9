-- The legal electronic receipt of a receipt, at the provider of its agency: at most one, under one key for ever.
CREATE TABLE legal_receipts (
    id text NOT NULL DEFAULT new_id('lgr'),
    receipt_id text NOT NULL,
    provider text NOT NULL,
    key text NOT NULL,
    form text NOT NULL,
    sign text NOT NULL,
    state text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    number text,
    lookup_code text,
    provider_ref text,
    code text,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    issued_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT pk_legal_receipts PRIMARY KEY (id),
    CONSTRAINT fk_legal_receipts_receipt_id FOREIGN KEY (receipt_id) REFERENCES receipts (id),
    CONSTRAINT uq_legal_receipts_receipt_id UNIQUE (receipt_id),
    CONSTRAINT uq_legal_receipts_provider_key UNIQUE (provider, key),
    CONSTRAINT uq_legal_receipts_provider_form_sign_number UNIQUE (provider, form, sign, number)
);
