"""Days in seconds: simulated worlds by their seeds, each audited to the đồng."""

import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateway import log
from gateway.cli.command import Command, say_json, with_json
from gateway.domain.errors import Malformed

MOST_DAYS = 366
MOST_SEEDS = 100_000
SUMS = ("payments", "paid", "refunded", "unknown", "unexplained_vnd", "duplicates")


def _simulate(given: Namespace) -> int:
    # the sandbox and its servers are loaded by this command alone
    from gateway.simulation.run import Wanted, simulate  # noqa: PLC0415 - as said

    if not 1 <= given.days <= MOST_DAYS or not 1 <= given.seeds <= MOST_SEEDS or given.seed < 0:
        raise Malformed(f"--days is 1 to {MOST_DAYS}, --seeds 1 to {MOST_SEEDS}, --seed 0 or more")
    log.configure("CRITICAL")  # what goes wrong here is wanted
    results = []
    with TemporaryDirectory(prefix="cong4-sim-") as folder:
        for seed in range(given.seed, given.seed + given.seeds):
            wanted = Wanted(seed, given.days, given.provider, given.per_day)
            told = simulate(wanted, Path(folder), partial(_day, seed, given.days))
            results.append(told)
            if given.seeds > 1 or not told["ok"]:
                _tell({**told, "step": "world"}, as_json=given.json)
    summary = results[0] if given.seeds == 1 else _together(results)
    _tell(summary, as_json=given.json)
    return 0 if summary["ok"] else 1


def _day(seed: int, days: int, day: int) -> None:
    """Where it is, for somebody who waits at a terminal."""
    if sys.stderr.isatty():
        done = "█" * day + "·" * (days - day)
        end = "\n" if day == days else ""
        print(f"\rseed {seed} {done[:60]} day {day} of {days}", end=end, file=sys.stderr, flush=True)


def _together(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    faults: Counter[str] = Counter()
    for each in results:
        faults.update(each["faults"])
    return {
        "step": "summary",
        "ok": all(each["ok"] for each in results),
        "seed": results[0]["seed"],
        "seeds": len(results),
        "failed_seeds": [each["seed"] for each in results if not each["ok"]],
        **{name: sum(each[name] for each in results) for name in SUMS},
        "faults": dict(sorted(faults.items())),
        "took_s": round(sum(each["took_s"] for each in results), 1),
    }


def _tell(told: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(told)
        sys.stdout.flush()
        return
    sums = ", ".join(f"{told[name]} {name.replace('_vnd', ' VND')}" for name in SUMS)
    print(f"{'✓' if told['ok'] else '✗'} seed {told['seed']}: {sums} in {told['took_s']} s")
    for trouble in told.get("troubles", ()):
        print(f"  {trouble}")


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="the world's seed; the first of several"
    )
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="so many worlds, one after the other"
    )
    parser.add_argument("--days", type=int, default=3, metavar="D", help="days to live through")
    parser.add_argument("--provider", metavar="P", help="let everybody pay there; without it each picks one")
    parser.add_argument(
        "--per-day", type=int, default=30, metavar="N", help="payments that are ordered on a day"
    )
    with_json(parser)


COMMANDS: Sequence[Command] = (
    Command(
        ("simulate",),
        "days in seconds: every provider and fault under a clock of our own, held against the truth",
        "simulate --days 7 --seed 4 --json",
        _simulate,
        _arguments,
    ),
)
