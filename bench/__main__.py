"""`python -m bench [NAME…]`: run the benches named, or all of them. Non-zero when one is outside its limits."""

import sys
from collections.abc import Callable, Mapping

from bench import callback, footprint

BENCHES: Mapping[str, Callable[[], int]] = {"callback": callback.main, "footprint": footprint.main}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"no bench is called {unknown[0]}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    return max(BENCHES[name]() for name in names or BENCHES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
