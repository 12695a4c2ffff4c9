-- A payment has one live legal receipt at most: another one takes its place, or comes after it was cancelled.
-- The trigger serves the release before, which does not name the payment.
ALTER TABLE legal_receipts ADD COLUMN payment_id text;
ALTER TABLE legal_receipts ADD COLUMN amount_vnd bigint;
UPDATE legal_receipts l SET payment_id = r.payment_id FROM receipts r WHERE r.id = l.receipt_id;

CREATE FUNCTION name_legal_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.payment_id IS NULL THEN
        SELECT payment_id INTO NEW.payment_id FROM receipts WHERE id = NEW.receipt_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER legal_receipts_payment BEFORE INSERT ON legal_receipts
    FOR EACH ROW EXECUTE FUNCTION name_legal_payment();

ALTER TABLE legal_receipts ALTER COLUMN payment_id SET NOT NULL;
ALTER TABLE legal_receipts ADD CONSTRAINT fk_legal_receipts_payment_id FOREIGN KEY (payment_id) REFERENCES payments (id);
CREATE INDEX ix_legal_receipts_payment_id ON legal_receipts (payment_id);
CREATE UNIQUE INDEX uq_legal_receipts_live_payment ON legal_receipts (payment_id)
    WHERE state IN ('issued', 'cancelling');
