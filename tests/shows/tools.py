"""Each public tool asked of each thing that we sign: `python -m tests.shows tools [--json] [--short]`.

It has to accept ours. An altered copy that a tool takes is named, with the word by which our own verifier refuses it;
one that ours believes fails the show, as does a tool that refuses ours. Ends with 1 then.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

from tests.shows import made_files, made_keys, made_log, made_messages, made_pdf, made_trust, made_xml
from tests.shows.asked import Row, Table, Thing
from tests.shows.ground import Ground
from tests.shows.public_tools import missing, version_of

Maker = Callable[[Ground], Iterator[Thing]]
MAKERS: tuple[Maker, ...] = (
    made_keys.bare_signatures,
    made_keys.codes_of_messages,
    made_keys.tokens,
    made_messages.http_messages,
    made_messages.hooks,
    made_messages.signed_notes,
    made_trust.chains,
    made_trust.ocsp_answers,
    made_trust.revocation_lists,
    made_trust.time_stamps,
    made_files.cms_files,
    made_files.containers,
    made_xml.receipts,
    made_xml.messages,
    made_xml.detached,
    made_xml.soap_messages,
    made_log.roots,
    made_log.inclusions,
    made_log.consistencies,
    made_pdf.receipts,
    made_pdf.forms,
    made_pdf.stamped_papers,
    made_pdf.shadow_attacks,
)
HEAD = ("thing", "tool", "version", "ours", "altered refused", "our verdict")


def things(ground: Ground, makers: Sequence[Maker], *, short: bool) -> Iterator[Thing]:
    """All of them; `short`: of each maker the first one, with its first altered copy."""
    for make in makers:
        for thing in islice(make(ground), 1 if short else None):
            first = dict(islice(thing.altered.items(), 1))
            yield replace(thing, altered=first) if short else thing


def asked(folder: Path, makers: Sequence[Maker], *, short: bool, tell: Callable[[Row], None]) -> list[Row]:
    """Every row of the table, each told as soon as it is there."""
    table = Table(version_of)
    with Ground(folder) as ground:
        for thing in things(ground, makers, short=short):
            for row in table.add(thing):
                tell(row)
    return table.rows


def printed(row: Row) -> str:
    """The row, and below it each altered copy that the tool takes."""
    refused = f"{row.altered - len(row.accepted)}/{row.altered}"
    ours = "accepted" if row.accepts_ours else "REFUSED"
    verdict = f"{row.altered - len(row.believed)}/{row.altered} refused"
    verdict += f"; OURS IS NOT BELIEVED: {row.unread}" if row.unread else ""
    lines = [_line(row.thing, row.tool, row.version, ours, refused, verdict)]
    lines += [f"    {what}: accepts {_word(word)}" for what, word in row.accepted.items()]
    lines += [f"    {what}: {_word('')}" for what in row.believed if what not in row.accepted]
    return "\n".join(lines)


def _word(word: str) -> str:
    if not word:
        return "WE BELIEVE IT"
    return f"(we believe {word})" if word.startswith("only ") else f"(we refuse: {word})"


def _line(*cells: str) -> str:
    return "  ".join(
        cell.ljust(width) for cell, width in zip(cells, (38, 24, 12, 8, 15, 0), strict=True)
    ).rstrip()


def main(argv: Sequence[str], makers: Sequence[Maker] = MAKERS) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.shows tools", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object for each row")
    parser.add_argument("--short", action="store_true", help="of each kind one thing and one altered copy")
    given = parser.parse_args(argv)
    if missing():
        sys.stderr.write("".join(f"{each}\n" for each in missing()))
        return 1

    def tell(row: Row) -> None:
        sys.stdout.write(
            (json.dumps(asdict(row) | {"good": row.good}, ensure_ascii=False) if given.json else printed(row))
            + "\n"
        )
        sys.stdout.flush()

    if not given.json:
        sys.stdout.write(_line(*HEAD) + "\n")
    with tempfile.TemporaryDirectory() as folder:
        rows = asked(Path(folder), makers, short=given.short, tell=tell)
    bad = [row for row in rows if not row.good]
    taken, altered = sum(len(row.accepted) for row in rows), sum(row.altered for row in rows)
    sys.stderr.write(
        f"{len(rows)} questions, {altered} altered copies: tools take {taken}, we believe "
        f"{sum(len(row.believed) for row in rows)}; {len(bad)} rows do not hold\n"
    )
    return 1 if bad else 0
