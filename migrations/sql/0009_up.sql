-- The proof log. A leaf never changes, and the tiles only grow: both are enforced here, not in code alone.
CREATE TABLE leaves (
    index bigint NOT NULL,
    event_id bigint NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT pk_leaves PRIMARY KEY (index),
    CONSTRAINT uq_leaves_event_id UNIQUE (event_id)
);
CREATE TABLE log_tiles (
    level smallint NOT NULL,
    number bigint NOT NULL,
    hashes bytea NOT NULL,
    CONSTRAINT pk_log_tiles PRIMARY KEY (level, number),
    CONSTRAINT ck_log_tiles_width CHECK (length(hashes) BETWEEN 32 AND 8192 AND length(hashes) % 32 = 0)
);
CREATE TABLE checkpoints (
    size bigint NOT NULL,
    note text NOT NULL,
    cosignatures text NOT NULL DEFAULT '',
    stamp bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    stamped_at timestamptz,
    CONSTRAINT pk_checkpoints PRIMARY KEY (size)
);
-- Without its salt nobody can tell whose a commitment is: `forgotten_at` tells that it was destroyed on purpose.
CREATE TABLE salts (
    scope text NOT NULL,
    salt_sealed bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    forgotten_at timestamptz,
    CONSTRAINT pk_salts PRIMARY KEY (scope),
    CONSTRAINT ck_salts_kept_or_forgotten CHECK ((salt_sealed IS NULL) = (forgotten_at IS NOT NULL))
);

CREATE TRIGGER leaves_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON leaves
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_another_tile() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.level = OLD.level AND NEW.number = OLD.number
        AND substring(NEW.hashes FOR length(OLD.hashes)) = OLD.hashes THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a tile of the proof log only grows at its end' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER log_tiles_grow BEFORE UPDATE OR DELETE ON log_tiles FOR EACH ROW EXECUTE FUNCTION refuse_another_tile();
