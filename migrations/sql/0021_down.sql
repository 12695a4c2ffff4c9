DROP TRIGGER events_stay ON events;
DROP TRIGGER events_append_only ON events;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
DROP FUNCTION refuse_other_event();
ALTER TABLE statements DROP COLUMN forgotten_at;
ALTER TABLE cases DROP COLUMN forgotten_at;
DROP INDEX ix_case_documents_sha256;
DROP TABLE doomed_files;
DROP TABLE holds;
DROP TABLE retention;
-- Every case is read anew when the table comes back.
DELETE FROM cursors WHERE name = 'consumer:retention';
