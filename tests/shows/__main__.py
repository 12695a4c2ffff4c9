"""`python -m tests.shows NAME …` runs one show: the module of that name beside this file."""

import importlib
import sys


def main() -> int:
    if len(sys.argv) < 2:
        sys.stderr.write("usage: python -m tests.shows NAME …\n")
        return 2
    name, argv = sys.argv[1], sys.argv[2:]
    return int(importlib.import_module(f"tests.shows.{name}").main(argv))


if __name__ == "__main__":
    sys.exit(main())
