"""The virus scan of documents: what is infected is put away, what has no verdict yet waits where nobody is given it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from service_world import NOW, PAPERS, World

from gateway.clamd import Clamd as Client
from gateway.domain.errors import Harmful, Incomplete, NotFound
from gateway.service import cases, documents, scans, uploads
from gateway.service.context import Context
from gateway.store import cases as store
from sandbox.clamd import EICAR, Clamd
from tests.papers import pdf

pytestmark = pytest.mark.service

CODE = "to-khai"
BAD = pdf("mã độc", size=4000).replace(b"xxxxxxxx" * 20, EICAR + b"x" * (160 - len(EICAR)), 1)
AFTER = [NOW + timedelta(hours=n) for n in range(20)]


@pytest.fixture
def daemon() -> Iterator[Clamd]:
    made = Clamd()
    made.start()
    yield made
    made.stop()


@dataclass
class Desk:
    """A case that may take one paper of this content, and a house with a scanner."""

    world: World
    context: Context
    case_code: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def put(self, context: Context | None = None) -> store.Document:
        return documents.store_document(
            context or self.context, self.world.caller, self.case_code, CODE, self.content, NOW
        )

    def scan(self, round_: int = 0, at: datetime = NOW) -> None:
        scans.scan(self.context, self.case_code, CODE, round_, at)

    def document(self) -> store.Document:
        with self.world.engine.connect() as connection:
            return next(each for each in store.documents(connection, self.case_code) if each.code == CODE)

    def is_served(self) -> bool:
        try:
            return self.context.files.get(self.sha256) == self.content
        except NotFound:
            return False

    def folder(self, name: str) -> Path:
        return self.world.house.settings.var_dir / "uploads" / name / self.sha256

    def events(self) -> list[tuple[str, object]]:
        query = (
            "SELECT type, data ->> 'scan' FROM events WHERE case_code = :code "
            "AND type LIKE 'case.document%' ORDER BY id"
        )
        return [tuple(row) for row in self.world.rows(query, code=self.case_code)]

    def alarms(self) -> list[str]:
        query = "SELECT name FROM alarms WHERE subject = :s AND closed_at IS NULL"
        return [str(row[0]) for row in self.world.rows(query, s=f"{self.case_code}/{CODE}")]

    def jobs(self) -> list[object]:
        query = (
            "SELECT args ->> 'round', scheduled_at FROM procrastinate_jobs WHERE task_name = 'scan_document' "
            "AND lock = :lock ORDER BY id"
        )
        return self.world.rows(query, lock=f"scan_document:{self.case_code}/{CODE}")

    def submit(self) -> store.Case:
        other = next(code for code in PAPERS if code != CODE)
        documents.store_document(self.context, self.world.caller, self.case_code, other, PAPERS[other], NOW)
        return cases.submit(self.context, self.world.caller, self.case_code, NOW)


def desk(world: World, daemon: Clamd, content: bytes) -> Desk:
    wanted = world.case_wanted()
    for each in wanted["documents"]:
        if each["code"] == CODE:
            each |= {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    made, _ = cases.register(world.context, world.caller, wanted, NOW)
    context = replace(world.context, scanner=Client(daemon.url))
    return Desk(world, context, made.case_code, content)


def fresh(world: World) -> bytes:
    return pdf(world.fresh("tờ khai"))


def test_a_clean_document_is_stored_as_such(world: World, daemon: Clamd) -> None:
    here = desk(world, daemon, fresh(world))
    here.put()
    assert ("clean", True) == (here.document().scan, here.is_served())
    assert [("case.document_stored", "clean")] == here.events()


def test_without_a_scanner_a_document_is_stored_and_said_not_to_be_scanned(
    world: World, daemon: Clamd
) -> None:
    here = desk(world, daemon, fresh(world))
    here.put(world.context)
    assert ("not_scanned", True) == (here.document().scan, here.is_served())
    assert [("case.document_stored", "not_scanned")] == here.events()


def test_an_infected_document_is_refused_put_away_and_served_to_nobody(world: World, daemon: Clamd) -> None:
    here = desk(world, daemon, BAD)
    with pytest.raises(Harmful, match=r"mã độc.*clean the computer"):
        here.put()
    assert (None, False) == (here.document().stored_at, here.is_served())
    assert BAD == here.folder("quarantine").read_bytes()
    assert (["document_infected"], []) == (here.alarms(), here.events())


def test_without_a_verdict_a_document_waits_apart_and_its_case_cannot_be_handed_in(
    world: World, daemon: Clamd
) -> None:
    here = desk(world, daemon, fresh(world))
    daemon.silent = True
    here.put()
    assert ("pending", False) == (here.document().scan, here.is_served())
    assert here.content == here.folder("waiting").read_bytes()
    assert [("case.document_stored", "pending")] == here.events()
    daemon.silent = False
    with pytest.raises(Incomplete) as refused:
        here.submit()
    assert [CODE] == [each.code for each in refused.value.missing]
    assert "waits for the virus scan" in refused.value.missing[0].reason
    here.scan()
    assert "registered" == here.submit().state


def test_what_waited_and_is_clean_is_served_from_then_on(world: World, daemon: Clamd) -> None:
    here = desk(world, daemon, fresh(world))
    daemon.silent = True
    here.put()
    daemon.silent = False
    here.scan()
    assert ("clean", True) == (here.document().scan, here.is_served())
    assert not here.folder("waiting").exists()
    assert [("case.document_stored", "pending"), ("case.document_scanned", "clean")] == here.events()
    here.scan()
    assert 2 == len(here.events())


def test_what_waited_and_is_infected_is_stored_no_longer(world: World, daemon: Clamd) -> None:
    here = desk(world, daemon, BAD.replace(b"9 9", b"8 8", 1))
    daemon.silent = True
    here.put()
    daemon.silent = False
    here.scan()
    assert ("infected", None, False) == (here.document().scan, here.document().stored_at, here.is_served())
    assert here.content == here.folder("quarantine").read_bytes()
    assert not here.folder("waiting").exists()
    assert ("case.document_refused", "infected") == here.events()[-1]
    assert ["document_infected"] == here.alarms()


def test_a_scan_without_a_verdict_is_tried_again_and_in_the_end_a_person_is_told_once(
    world: World, daemon: Clamd
) -> None:
    here = desk(world, daemon, fresh(world))
    daemon.silent = True
    here.put()
    for round_, at in zip(range(8), AFTER, strict=False):
        here.scan(round_, at)
        assert ("pending", False) == (here.document().scan, here.is_served())
        assert (["scan_waits"] if round_ >= 4 else []) == here.alarms()
    rounds = [(int(row[0]), row[1]) for row in here.jobs()]
    delays = [30, 120, 600, 1800, 3600, 3600, 3600, 3600]
    assert [(0, NOW)] + [(n + 1, AFTER[n] + timedelta(seconds=delays[n])) for n in range(8)] == rounds
    daemon.silent = False
    here.scan(9, AFTER[9])
    assert ("clean", []) == (here.document().scan, here.alarms())


def test_a_document_over_the_scanners_limit_waits_and_is_not_called_clean(
    world: World, daemon: Clamd
) -> None:
    here = desk(world, daemon, fresh(world))
    daemon.stream_max_bytes = 100
    here.put()
    here.scan()
    assert "pending" == here.document().scan


def test_a_large_document_is_scanned_behind(
    world: World, daemon: Clamd, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = desk(world, daemon, fresh(world))
    monkeypatch.setattr(documents, "SCAN_AT_ONCE_BYTES", 100)
    here.put()
    assert ("pending", 0) == (here.document().scan, daemon.scanned)
    assert 1 == len(here.jobs())
    here.scan()
    assert ("clean", 1) == (here.document().scan, daemon.scanned)


def test_two_documents_of_one_content_wait_for_themselves(world: World, daemon: Clamd) -> None:
    content = fresh(world)
    both = [desk(world, daemon, content) for _ in range(2)]
    daemon.silent = True
    for here in both:
        here.put()
    daemon.silent = False
    both[0].scan()
    assert (["clean", "pending"], True) == (
        [each.document().scan for each in both],
        both[1].folder("waiting").exists(),
    )
    both[1].scan()
    assert ("clean", False) == (both[1].document().scan, both[1].folder("waiting").exists())


def test_whoever_does_without_a_scanner_from_now_on_lets_go_of_what_waits(
    world: World, daemon: Clamd
) -> None:
    here = desk(world, daemon, fresh(world))
    daemon.silent = True
    here.put()
    here.context = world.context
    here.scan()
    assert ("not_scanned", True) == (here.document().scan, here.is_served())


def test_an_infected_upload_in_parts_is_refused_for_good_and_the_portal_is_told(
    world: World, daemon: Clamd
) -> None:
    here = desk(world, daemon, BAD.replace(b"9 9", b"7 7", 1))
    size = len(here.content)
    made, link = uploads.create(
        here.context, world.caller, here.case_code, CODE, size_bytes=size, metadata="", now=NOW
    )
    parts = [here.content, b""]
    chunk = uploads.Chunk(0, size, None, lambda _: parts.pop(0))
    with pytest.raises(Harmful):
        uploads.append_chunk(here.context, link, chunk, NOW)
    with pytest.raises(uploads.Gone, match="harmful code"):
        uploads.look(here.context, link, NOW)
    assert [("case.document_refused", "infected")] == here.events()
    assert (False, ["document_infected"]) == (here.is_served(), here.alarms())
    assert 0 == here.context.parts.size_bytes(made.id)
