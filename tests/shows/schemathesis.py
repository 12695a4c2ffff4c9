"""`python -m tests.shows schemathesis`: every operation of `/openapi.json`, called by schemathesis over real HTTP.

A whole house on PostgreSQL, with cases, payments, a refund, a delivery and a webhook in it. Each bound of each field is
tried, and N good and N bad inputs of every operation, all signed as a portal signs. No answer may be an error of ours,
and each is of a status, a media type and a shape that the document names.
"""

# ruff: noqa: T201 - a show talks on its terminal

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "api"))

from api_fuzz import Fuzzer
from api_world import running_world


def main(argv: Sequence[str]) -> int:
    """0 when every answer was as the document says."""
    parser = argparse.ArgumentParser(prog="python -m tests.shows schemathesis", description=__doc__)
    parser.add_argument(
        "--examples", type=int, default=100, metavar="N", help="of each operation, good and bad"
    )
    parser.add_argument("--only", default="", metavar="PART", help="operations with this in their name")
    given = parser.parse_args(argv)
    begun, calls, failures = time.perf_counter(), 0, 0
    with TemporaryDirectory(prefix="cong4-") as folder, running_world(Path(folder)) as world:
        fuzzer = Fuzzer(world)
        for label in fuzzer.labels():
            if given.only in label:
                tally = fuzzer.tried(label, given.examples)
                print(tally.line(), flush=True)
                for kind, first in tally.first.items():
                    print(f"--- {kind}, {tally.failed[kind]} times, first:\n{first}\n")
                calls, failures = calls + tally.answers.total(), failures + tally.failed.total()
    print(f"{calls} calls, {failures} failures, {time.perf_counter() - begun:.0f} s")
    return 1 if failures or not calls else 0
