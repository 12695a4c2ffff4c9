"""The command line: `python -m gateway COMMAND`. Every command fails with one clear sentence and a non-zero exit."""

import sys

from gateway.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
