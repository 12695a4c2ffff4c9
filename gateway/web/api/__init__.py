"""REST for portals, version 1."""
