"""Portals that cases are told to."""
