"""`python -m tests.shows NAME …`: one show of an issue, played before your eyes."""

import importlib
import sys

sys.exit(importlib.import_module(f"tests.shows.{sys.argv[1]}").main(sys.argv[2:]))
