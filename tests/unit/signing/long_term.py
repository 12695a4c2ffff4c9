"""Many documents whose signer's certificate expired long ago: `python -m tests.unit.signing.long_term 1000`."""

import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from signing.pdf import Level, tally
from tests.unit.signing.pki_world import NOW, World, printed


def many(world: World, count: int) -> Iterator[bytes]:
    """`count` different papers, signed at level B-LT with a certificate that ends on 1 January 2027."""
    signer = world.pdf_signer("signer-short")
    for number in range(count):
        paper = printed(f"Biên lai số {number}")
        yield signer.sign(paper, reason="Phát hành", location="Huế", at=NOW, level=Level.B_LT).pdf


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        found = tally(many(world, count), world.trust(online=False), at=datetime(2036, 1, 1, tzinfo=UTC))
        world.server.stop()
    for (level, judgement), number in found.items():
        sys.stdout.write(f"{number} documents: {judgement.indication} {judgement.sub} {level.name}\n")
    sys.exit(0 if len(found) == 1 else 1)


if __name__ == "__main__":
    main()
