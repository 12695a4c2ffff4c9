"""Use cases, one verb each; the only place that joins the store and the ports."""
