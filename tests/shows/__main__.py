"""What we claim, shown: `python -m tests.shows NAME [ARGUMENT…]` prints it, and ends with 1 when it does not hold."""

import importlib
import sys

sys.exit(importlib.import_module(f"tests.shows.{sys.argv[1]}").main(sys.argv[2:]))
