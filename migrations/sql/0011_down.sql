DROP TABLE legal_receipts;
