DROP TRIGGER legal_receipts_payment ON legal_receipts;
DROP FUNCTION name_legal_payment();
ALTER TABLE legal_receipts DROP COLUMN payment_id;
ALTER TABLE legal_receipts DROP COLUMN amount_vnd;
