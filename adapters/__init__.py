"""Money side: one bank or platform is one file. Nothing here sees the database."""
