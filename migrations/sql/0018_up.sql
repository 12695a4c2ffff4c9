ALTER TABLE cases ADD COLUMN procedure_version integer NOT NULL DEFAULT 1;
ALTER TABLE cases ADD COLUMN channel text NOT NULL DEFAULT 'online';
