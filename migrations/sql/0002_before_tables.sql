-- Identifiers: opaque, with a prefix, made by the database.

CREATE FUNCTION new_id(_prefix text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- ids in time order keep the indexes of large tables dense where the server can make them
    IF current_setting('server_version_num')::int >= 180000 THEN
        RETURN _prefix || '_' || replace(uuidv7()::text, '-', '');
    END IF;
    RETURN _prefix || '_' || replace(gen_random_uuid()::text, '-', '');
END $$;
