-- Whether each provider is up, as far as our calls to it tell; a provider that never failed has no row.
CREATE TABLE provider_health (
    provider text NOT NULL,
    state text NOT NULL,
    since timestamptz,
    failures integer NOT NULL,
    failure text,
    pause_s integer NOT NULL,
    next_probe_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT pk_provider_health PRIMARY KEY (provider)
);
