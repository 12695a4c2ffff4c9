"""Statement formats: one format or bank's dialect = one file, bytes in and `gateway.domain.statement` out."""
