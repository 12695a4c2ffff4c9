"""How a bench says what it found."""

import json
import sys
import time
from collections.abc import Mapping, Sequence

Row = Mapping[str, object]


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of `sorted_values` lie; they are in rising order and not empty."""
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def table(title: str, rows: Sequence[Row]) -> None:
    """Print `rows`, which all have the same names, below `title`."""
    names = list(rows[0])
    texts = [[str(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[at]) for line in texts)) for at, name in enumerate(names)]
    print(f"\n{title}")
    for line in [names, *texts]:
        print("  " + "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)))


def line(**facts: object) -> None:
    """Print one JSON object on a line of its own."""
    print(json.dumps(facts, ensure_ascii=False), flush=True)


def step(what: str) -> None:
    """Tell those who wait, beside the results, how far it has come."""
    print(f"  {time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)
