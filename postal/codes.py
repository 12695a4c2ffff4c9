"""How an adapter of the post writes down what it could not read."""

UNREADABLE = "?"
"""What the code of an event begins with that could not be read: it has no meaning, now or later. The rest is the
code as it came, where that was short text."""
