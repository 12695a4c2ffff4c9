"""`python -m bench [NAME…] [--rows N]`: run the benches named, or the short ones. Non-zero outside their limits."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from bench import callback, cases, create, footprint, growth, receipts, signing, upload

ROWS = 200_000
SHORT: Mapping[str, Callable[[], int]] = {
    "callback": callback.main,
    "create": create.main,
    "footprint": footprint.main,
    "receipts": receipts.main,
    "signing": signing.main,
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure, beside a limit of the same run."
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"{', '.join(SHORT)}; upload, which takes 6 GB of the temporary folder; growth or cases, which are long",
    )
    parser.add_argument(
        "--rows",
        type=int,
        default=ROWS,
        help="growth, cases: stored payments or cases of the largest database",
    )
    parser.add_argument(
        "--mb", type=int, default=upload.SIZE_BYTES // upload.MB, help="upload: megabytes of the drawing"
    )
    given = parser.parse_args(arguments)
    benches: dict[str, Callable[[], int]] = {
        **SHORT,
        "cases": partial(cases.main, given.rows),
        "growth": partial(growth.main, given.rows),
        "upload": partial(upload.main, given.mb * upload.MB),
    }
    unknown = [name for name in given.names if name not in benches]
    if unknown:
        parser.error(f"no bench is called {unknown[0]}; there are: {', '.join(benches)}")
    return max([benches[name]() for name in given.names or SHORT])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
