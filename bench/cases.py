"""Cases registered and handed in per second by a portal that keeps the dossier, and how soon a case is found.

`submit`: by real HTTP with real signatures `POST /v1/cases` (two document hashes, two fee lines), then `POST
…/submit`, each pair over one connection; beside pgbench, which asks of the database what the gateway asks, by the same
statements as they were heard, and no Python. The processor time of a pair stands beside: it is the same however busy
the machine is. `track`: see there.
"""

import json
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from sqlalchemy import text

from bench import cpu, fill_cases, ground, load, pgbench, report, track
from bench.fill_cases import APPLICANT
from bench.ground import AGENCY, KEYID, PROCEDURE, Ground
from gateway.config import Settings
from gateway.ports import InboundMessage
from gateway.service import filing, handing_in, ordered
from gateway.service.access import Caller
from gateway.store import inbox, portals
from gateway.wiring import House, now, open_house
from signing.http_messages import sign_request

SMALLEST, SUBMIT_AT = 10_000, 1_000_000
ROUNDS = 3
PAIRS, WARM_UP, CONNECTIONS = 1500, 100, 16
SECONDS = 6.0
OURS, PGBENCHS = 50_000_001, 70_000_001
"""Where the numbers of their cases begin."""
FLOOR_PER_S, CEILING_P50_MS, CEILING_P99_MS = 300.0, 40.0, 150.0
_ANSWERS = ((201, b'"state":"draft"'), (200, b'"state":"registered"'))


@dataclass(frozen=True, slots=True)
class Place:
    """A database with so many stored cases, its gateway's process, and its use cases within this one."""

    cases: int
    here: Ground
    house: House
    gateway_pid: int
    postmaster_pid: int


def main(rows: int) -> int:
    """Run it with so many cases in the largest database; 0 when all is within its limits."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(ground.serving(folder))
        postmaster = int((folder / "pg" / "postmaster.pid").read_text().split()[0])
        places = []
        for many in sorted({SMALLEST, min(rows, SUBMIT_AT), rows}):
            here = stack.enter_context(ground.prepared(server, f"cases_{many}", folder))
            own = folder / str(many)
            own.mkdir()
            places.append(stack.enter_context(_opened(here, own, many, postmaster)))
        tracked = track.measure([track.Size(each.cases, each.here, each.house) for each in places])
        return max(tracked, submit(max((each for each in places if each.cases <= SUBMIT_AT), key=_size)))


def _size(place: Place) -> int:
    return place.cases


@contextmanager
def _opened(here: Ground, folder: Path, many: int, postmaster: int) -> Iterator[Place]:
    given = ground.settings_of(here, folder, provider_port=9)
    settings = Settings(
        var_dir=folder,
        public_url=here.origin,
        agencies_file=Path(given["GATEWAY_AGENCIES_FILE"]),
        procedures_dir=Path(given["GATEWAY_PROCEDURES_DIR"]),
    )
    house = open_house(settings, here.url)
    try:
        fill_cases.fill(here.engine, here.portal_id, house.context.sealer, rows=many, until=now())
        gateway = ground.started(here, folder, provider_port=9)
        try:
            yield Place(many, here, house, gateway.pid, postmaster)
        finally:
            gateway.terminate()
            gateway.wait(20)
    finally:
        house.context.pool.close()
        house.engine.dispose()


# --- submit -------------------------------------------------------------------------------------


def submit(place: Place) -> int:
    """Print the row `submit`; 0 when it is within its limits."""
    codes = _fresh_codes()
    script = _script(place, codes)
    rows, latencies_ms, facts = [], [], []
    _filed(place, codes, WARM_UP)
    for round_ in range(1, ROUNDS + 1):
        limit_per_s = pgbench.run(
            place.here, script.text, seconds=SECONDS, connections=CONNECTIONS, variables=script.variables
        )
        made = _filed(place, codes, PAIRS)
        rows.append(
            {
                "round": round_,
                "pgbench/s": round(limit_per_s),
                "cases/s": round(made.per_s, 1),
                "ratio": round(made.per_s / limit_per_s, 3),
                **{f"{name} p50 ms": round(made.p(name, 0.50), 1) for name in ("register", "submit")},
                "web cpu ms": round(made.web_ms, 2),
                "database cpu ms": round(made.database_ms, 2),
            }
        )
        latencies_ms += [*made.ms["register"], *made.ms["submit"]]
        facts.append((made.per_s, limit_per_s))
    report.table(
        f"Cases registered and handed in by signed requests, {place.cases} stored, {CONNECTIONS} connections",
        rows,
    )
    per_s, limit = (sum(each) / ROUNDS for each in zip(*facts, strict=True))
    latencies_ms.sort()
    p50_ms, p99_ms = (report.percentile(latencies_ms, share) for share in (0.50, 0.99))
    report.line(
        bench="submit",
        cases=place.cases,
        per_s=round(per_s, 1),
        limit_per_s=round(limit),
        ratio=round(per_s / limit, 3),
        p50_ms=round(p50_ms, 2),
        p99_ms=round(p99_ms, 2),
        web_cpu_ms=rows[-1]["web cpu ms"],
        database_cpu_ms=rows[-1]["database cpu ms"],
        connections=CONNECTIONS,
    )
    return 0 if per_s >= FLOOR_PER_S and p50_ms < CEILING_P50_MS and p99_ms < CEILING_P99_MS else 1


@dataclass(frozen=True, slots=True)
class _Filed:
    """A run: pairs per second, the milliseconds of each request, and the processor time of a pair."""

    per_s: float
    ms: Mapping[str, Sequence[float]]
    web_ms: float
    database_ms: float

    def p(self, name: str, share: float) -> float:
        return report.percentile(sorted(self.ms[name]), share)


def _filed(place: Place, codes: Iterator[str], many: int) -> _Filed:
    """`many` cases registered and handed in. Raises `WrongAnswer`."""
    here = place.here
    requests = []
    for _ in range(many):
        code = next(codes)
        requests += [
            _signed(here, "/v1/cases", wanted(code)),
            _signed(here, f"/v1/cases/{code}/submit", None),
        ]
    ground.settle(here.engine)
    web_s, database_s = cpu.of_session(place.gateway_pid), cpu.of_server(place.postmaster_pid)
    made = load.run(here.port, requests, connections=CONNECTIONS, wanted=_ANSWERS)
    web_s, database_s = (
        cpu.of_session(place.gateway_pid) - web_s,
        cpu.of_server(place.postmaster_pid) - database_s,
    )
    ms = [1000 * each for each in made.latencies_s]
    return _Filed(
        per_s=made.per_s / len(_ANSWERS),
        ms={"register": ms[0::2], "submit": ms[1::2]},
        web_ms=1000 * web_s / many,
        database_ms=1000 * database_s / many,
    )


def wanted(code: str) -> dict[str, object]:
    """A case as a portal tells it that keeps the dossier."""
    told = [("to-khai", "application/pdf", 48_211), ("giay-to-tuy-than", "image/jpeg", 248_211)]
    return {
        "reference": code,
        "procedure_code": PROCEDURE,
        "case_code": code,
        "channel": "online",
        "keeps_documents": True,
        "applicant": APPLICANT,
        "documents": [
            {
                "code": each,
                "name": each,
                "media_type": kind,
                "size_bytes": size,
                "sha256": secrets.token_hex(32),
            }
            for each, kind, size in told
        ],
        "answers": {},
    }


def _fresh_codes() -> Iterator[str]:
    """Codes that a portal gives itself, far from those of the stored cases and of pgbench."""
    return (f"{AGENCY}-{now():%y%m%d}-{number:08}" for number in count(OURS))


def _signed(here: Ground, path: str, content: Mapping[str, object] | None) -> bytes:
    body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json"} if body else {}
    headers |= sign_request(
        "POST",
        here.origin + path,
        headers,
        body,
        key=here.key,
        keyid=KEYID,
        created=now(),
        nonce=secrets.token_hex(16),
    )
    return load.post(f"127.0.0.1:{here.port}", path, headers, body)


# --- its limit ----------------------------------------------------------------------------------


def _script(place: Place, codes: Iterator[str]) -> pgbench.Script:
    """What the gateway asks of the database for a pair, heard from its own use cases."""
    code = next(codes)
    with pgbench.listening(place.here.url) as (pool, heard):
        _file_here(replace(place.house, context=replace(place.house.context, pool=pool)), code)
    special = {
        "nonce": ":code || :turn",
        "event_subject_id": ":code",
        "track_token": ":code",
        "row": ":seen_row",
    }
    script = pgbench.Script(
        lambda name, value: special.get(name, ":code" if value == code else None),
        text=(
            f"SELECT '{AGENCY}-{now():%y%m%d}-' || nextval('bench_cases') AS code \\gset\n"
            "\\set turn random(1, 1000000000000)\n"
        ),
    )
    for statement in heard:
        if "INSERT INTO nonces" in statement.sql:
            script.text += "\\set turn :turn + 1\n"
        script.add(statement)
        if "INSERT INTO cases" in statement.sql:  # as what was registered of late is handed in
            script.text = script.text.removesuffix(";\n") + " \\gset seen_\n"
    with place.here.engine.begin() as connection:
        connection.execute(text(f"CREATE SEQUENCE bench_cases START {PGBENCHS}"))
    return script


def _file_here(house: House, code: str) -> None:
    """Do in this process what the gateway does for a pair."""
    context, at = house.context, now()
    with context.pool.connection() as connection:
        by = portals.find_credential(connection, KEYID)
    assert by is not None
    told = wanted(code)
    caller = Caller(by.portal_id, by.agency_code, cause="")
    signature = {"signature-input": "s" * 180, "signature": "s" * 100, "content-digest": "d" * 60}

    def order(path: str, body: bytes) -> inbox.Signed:
        message = InboundMessage("POST", path, b"", signature, body)
        return ordered.signed(message, by, f"{code}{path}", at)

    body = json.dumps(told, ensure_ascii=False).encode()
    _, made = filing.take_order(context, caller, order("/v1/cases", body), told)
    _, handed_in = handing_in.take_order(
        context, caller, order(f"/v1/cases/{code}/submit", b""), code, seen=made
    )
    assert made is not None
    assert handed_in is not None
