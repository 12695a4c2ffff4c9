ALTER TABLE cases DROP COLUMN channel;
ALTER TABLE cases DROP COLUMN procedure_version;
