"""Post side: addresses, labels, item codes, and one file per operator."""
