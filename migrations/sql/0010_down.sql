DROP TRIGGER receipts_stay ON receipts;
DROP FUNCTION refuse_lost_receipt();
DROP INDEX uq_receipts_replaces;
ALTER TABLE receipts DROP CONSTRAINT ck_receipts_end_is_told;
ALTER TABLE receipts DROP CONSTRAINT fk_receipts_replaces;
ALTER TABLE receipts DROP COLUMN replaces;
ALTER TABLE receipts DROP COLUMN ended_at;
ALTER TABLE receipts DROP COLUMN ended_by;
ALTER TABLE receipts DROP COLUMN reason;
