DROP TABLE uploads;
ALTER TABLE case_documents DROP COLUMN scan;
