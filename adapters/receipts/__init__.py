"""Electronic receipts at providers: one provider, one file."""
