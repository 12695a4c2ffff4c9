DROP TABLE case_document_versions;
ALTER TABLE case_documents DROP COLUMN version;
DROP TABLE case_steps;
ALTER TABLE cases DROP COLUMN handled_by;
