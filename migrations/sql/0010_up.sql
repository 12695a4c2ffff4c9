-- A receipt may be cancelled or take the place of another; its history stays. One live receipt for a payment, as before.
ALTER TABLE receipts ADD COLUMN replaces text;
ALTER TABLE receipts ADD COLUMN ended_at timestamptz;
ALTER TABLE receipts ADD COLUMN ended_by text;
ALTER TABLE receipts ADD COLUMN reason text;
ALTER TABLE receipts ADD CONSTRAINT fk_receipts_replaces FOREIGN KEY (replaces) REFERENCES receipts (id);
ALTER TABLE receipts ADD CONSTRAINT ck_receipts_end_is_told
    CHECK ((state IN ('cancelled', 'replaced')) = (ended_at IS NOT NULL AND ended_by IS NOT NULL AND reason IS NOT NULL));
CREATE UNIQUE INDEX uq_receipts_replaces ON receipts (replaces) WHERE replaces IS NOT NULL;

CREATE FUNCTION refuse_lost_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.series, NEW.number, NEW.payment_id, NEW.receipt_number)
        IS NOT DISTINCT FROM (OLD.series, OLD.number, OLD.payment_id, OLD.receipt_number) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a receipt keeps its number and is never deleted' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER receipts_stay BEFORE UPDATE OR DELETE ON receipts FOR EACH ROW EXECUTE FUNCTION refuse_lost_receipt();
