-- A receipt is issued as XML too; those that were issued before have none.
ALTER TABLE receipts ADD COLUMN xml_sha256 text;
