"""Flask: what portals, providers and citizens reach."""
