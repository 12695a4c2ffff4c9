"""tus 1.0.0, rule by rule (https://tus.io/protocols/1.0.0): each test is named after what the protocol asks for."""

import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from api_world import PAPERS, World, fingerprint_of_world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tus_wire import CHUNK, Device, V, announced, checksum, cut_off, encoded, opened, order

from gateway.service import uploads
from tests.papers import pdf

pytestmark = pytest.mark.service

CONTENT = pdf("bản vẽ", size=300_000)
DATE = r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"


@pytest.fixture
def device(world: World) -> Device:
    return opened(world, CONTENT)


def stored(world: World, device: Device) -> str:
    """The state of the upload's row."""
    link = device.link.rpartition("/")[2]
    query = "SELECT state FROM uploads WHERE link_sha256 = :link"
    return str(world.one(query, link=hashlib.sha256(link.encode()).hexdigest()).state)


def part_of(world: World, device: Device) -> bytes:
    link = hashlib.sha256(device.link.rpartition("/")[2].encode()).hexdigest()
    found = world.one("SELECT id FROM uploads WHERE link_sha256 = :link", link=link).id
    path = world.house.settings.var_dir / "uploads" / "parts" / found
    return path.read_bytes() if path.exists() else b""


# --- core ---------------------------------------------------------------------------------------


def test_options_tells_what_is_spoken_and_asks_for_no_version(world: World, device: Device) -> None:
    for target in ("/v1/uploads", device.target):
        reply = world.plain("OPTIONS", target)
        assert (204, b"") == (reply.status, reply.body)
        assert "1.0.0" == reply.headers["tus-version"]
        assert "creation,checksum,expiration,termination" == reply.headers["tus-extension"]
        assert str(2 * 2**30) == reply.headers["tus-max-size"]
        assert "sha256,sha1" == reply.headers["tus-checksum-algorithm"]


def test_a_page_of_another_origin_may_carry_out_an_upload(world: World, device: Device) -> None:
    asked = world.plain("OPTIONS", device.target).headers
    assert {"PATCH", "HEAD", "DELETE"} <= set(asked["access-control-allow-methods"].split(", "))
    assert {"Tus-Resumable", "Upload-Offset", "Content-Type"} <= set(
        asked["access-control-allow-headers"].split(", ")
    )
    for reply in (device.head(), device.patch(1, b"a"), device.patch(0, b"a" * 10)):
        assert "*" == reply.headers["access-control-allow-origin"]
        assert "Upload-Offset" in reply.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1", "1.0.0, 1.0.0", ""])
def test_another_version_is_412_and_names_ours_and_does_nothing(
    world: World, device: Device, version: str | None
) -> None:
    headers = [("Content-Type", CHUNK), ("Upload-Offset", "0")]
    headers += [] if version is None else [("Tus-Resumable", version)]
    before = fingerprint_of_world(world)
    for method in ("HEAD", "PATCH", "DELETE"):
        reply = device.ask(method, *headers, body=None if method == "HEAD" else b"abc")
        assert (412, "1.0.0") == (reply.status, reply.headers["tus-version"])
    assert before == fingerprint_of_world(world)


def test_every_answer_but_that_to_options_carries_the_version(world: World, device: Device) -> None:
    replies = [device.head(), device.patch(0, b"abc"), device.patch(9, b""), Device(device.link + "0").head()]
    replies.append(order(world, "H28-000000-0000", "ban-ve", 1))
    assert ["1.0.0"] * 5 == [reply.headers["tus-resumable"] for reply in replies]
    assert "tus-resumable" not in world.plain("OPTIONS", device.target).headers


def test_head_tells_offset_length_and_metadata_and_is_kept_by_nobody(device: Device) -> None:
    device.patch(0, CONTENT[:1000])
    reply = device.head()
    assert (200, b"") == (reply.status, reply.body)
    assert ("1000", str(len(CONTENT))) == (reply.headers["upload-offset"], reply.headers["upload-length"])
    assert reply.headers["upload-metadata"].startswith("case_code ")
    assert "no-store" == reply.headers["cache-control"]


def test_an_upload_that_is_not_there_is_not_found(world: World, device: Device) -> None:
    before = fingerprint_of_world(world)
    for link in (device.link[:-1], device.link + "0", device.link.upper().replace("HTTP", "http")):
        other = Device(link)
        assert [404] * 3 == [
            reply.status for reply in (other.head(), other.patch(0, b"a"), other.ask("DELETE", V))
        ]
    assert before == fingerprint_of_world(world)


def test_chunks_are_put_together_and_the_last_one_stores_the_document(world: World) -> None:
    content = pdf("ba đoạn", size=300_000)
    device = opened(world, content)
    at = 0
    for size in (1, 100_000, 0, 150_000, len(content)):
        reply = device.patch(at, content[at : at + size])
        at = min(at + size, len(content))
        assert (204, str(at), b"") == (reply.status, reply.headers["upload-offset"], reply.body)
    assert len(content) == device.offset()
    assert "stored" == stored(world, device)
    sha256 = str(announced("", content)["sha256"])
    assert content == world.house.context.files.get(sha256)
    assert b"" == part_of(world, device)


def test_storing_is_told_on_the_spine_as_by_put(world: World) -> None:
    def events(case_code: str) -> list[object]:
        query = "SELECT type, actor, data FROM events WHERE case_code = :code ORDER BY id"
        return [tuple(row) for row in world.rows(query, code=case_code)]

    code, content = next(iter(PAPERS.items()))
    by_put, by_parts = (str(world.draft()["case_code"]) for _ in range(2))
    world.put(f"/v1/cases/{by_put}/documents/{code}", content)
    Device(order(world, by_parts, code, len(content)).headers["location"]).patch(0, content)
    assert events(by_put) == events(by_parts)
    assert "case.document_stored" == events(by_parts)[-1][0]  # type: ignore[index]


@pytest.mark.parametrize("at", [1, 999, 1001, 300_000, 2**53 - 1])
def test_a_chunk_from_another_offset_is_409_and_changes_nothing(device: Device, at: int) -> None:
    device.patch(0, CONTENT[:1000])
    reply = device.patch(at, b"abc")
    assert (409, "not_possible_now") == (reply.status, reply.json["code"])
    assert 1000 == device.offset()


@pytest.mark.parametrize("at", ["", "-1", "1.0", "0x0", "٠", "1e3", str(2**53), "9" * 17, "0, 0"])
def test_an_offset_that_is_no_number_is_400(device: Device, at: str) -> None:
    headers = (V, ("Content-Type", CHUNK), ("Upload-Offset", at.encode().decode("latin-1")))
    assert 400 == device.ask("PATCH", *headers, body=b"abc").status
    assert 0 == device.offset()


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/pdf", ""])
def test_a_chunk_of_another_media_type_is_415(device: Device, kind: str) -> None:
    headers = (V, ("Upload-Offset", "0"), *((("Content-Type", kind),) if kind else ()))
    assert 415 == device.ask("PATCH", *headers, body=b"abc").status
    assert 0 == device.offset()


@pytest.mark.parametrize("way", ["whole", "in chunks"])
def test_more_than_the_length_is_413_and_counts_for_nothing(device: Device, way: str) -> None:
    device.patch(0, CONTENT[:-10])
    body = b"x" * 11
    reply = device.patch(len(CONTENT) - 10, body if way == "whole" else iter([body[:5], body[5:]]))
    assert (413, "too_large") == (reply.status, reply.json["code"])
    assert len(CONTENT) - 10 == device.offset()
    assert 204 == device.patch(len(CONTENT) - 10, CONTENT[-10:]).status


def test_a_body_of_untold_length_is_taken(world: World, device: Device) -> None:
    reply = device.patch(0, (CONTENT[n : n + 7000] for n in range(0, len(CONTENT), 7000)))
    assert (204, str(len(CONTENT))) == (reply.status, reply.headers["upload-offset"])
    assert "stored" == stored(world, device)


def test_the_method_may_be_told_by_a_header(device: Device) -> None:
    headers = (V, ("Content-Type", CHUNK), ("Upload-Offset", "0"))
    reply = device.ask("POST", *headers, ("X-HTTP-Method-Override", "PATCH"), body=CONTENT[:10])
    assert (204, "10") == (reply.status, reply.headers["upload-offset"])
    assert "10" == device.ask("POST", V, ("X-HTTP-Method-Override", "HEAD")).headers["upload-offset"]
    assert 204 == device.ask("POST", V, ("X-HTTP-Method-Override", "DELETE"), body=b"").status
    assert 410 == device.head().status


@pytest.mark.parametrize("meant", ["", "GET", "PUT", "POST"])
def test_another_method_is_405(device: Device, meant: str) -> None:
    more = (("X-HTTP-Method-Override", meant),) if meant else ()
    assert 405 == device.ask("POST", V, *more, body=b"").status
    assert 405 == device.ask("GET", V).status


# --- creation -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def draft(world: World) -> str:
    return str(world.draft(documents=[announced("ban-ve", CONTENT)])["case_code"])


def test_creation_answers_201_with_a_link_that_nobody_guesses(world: World, draft: str) -> None:
    links = {order(world, draft, "ban-ve", len(CONTENT)).headers["location"] for _ in range(3)}
    assert 3 == len(links)
    for link in links:
        assert link.startswith(f"{world.url}/v1/uploads/")
        assert 64 == len(link.rpartition("/")[2])
        assert 0 == Device(link).offset()


@pytest.mark.parametrize(
    ("size", "status"),
    [
        (len(CONTENT) - 1, 422),
        (0, 422),
        (len(CONTENT) + 1, 413),
        (2**53 - 1, 413),
        ("", 400),
        ("-1", 400),
        ("x", 400),
    ],
)
def test_the_length_is_the_announced_size(world: World, draft: str, size: object, status: int) -> None:
    before = fingerprint_of_world(world)
    assert status == order(world, draft, "ban-ve", size).status
    assert before == fingerprint_of_world(world)


@pytest.mark.parametrize(
    "metadata",
    [
        "",
        "case_code",
        "document_code YmFuLXZl",
        "case_code !!!,document_code YmFuLXZl",
        encoded(case_code="a", document_code="b", filename="Nguyễn Văn A.pdf"),
        encoded(case_code="a") + "," + encoded(case_code="a"),
        encoded(case_code="a\x00", document_code="b"),
        "case_code /w==,document_code /w==",
        "a b," * 500,
    ],
)
def test_metadata_names_the_case_and_the_document_and_nothing_else(
    world: World, draft: str, metadata: str
) -> None:
    before = fingerprint_of_world(world)
    reply = order(world, draft, "ban-ve", len(CONTENT), metadata=metadata)
    assert (422, "malformed") == (reply.status, reply.json["code"])
    assert before == fingerprint_of_world(world)


@pytest.mark.parametrize("covered", [("@method", "@target-uri"), ("@method", "@target-uri", "upload-length")])
def test_the_signature_covers_what_is_ordered(world: World, draft: str, covered: tuple[str, ...]) -> None:
    before = fingerprint_of_world(world)
    reply = order(world, draft, "ban-ve", len(CONTENT), covered=covered)
    assert (401, "bad_signature") == (reply.status, reply.json["code"])
    assert before == fingerprint_of_world(world)


def test_only_the_case_s_own_portal_orders_an_upload(world: World, draft: str) -> None:
    before = fingerprint_of_world(world)
    said = {who: order(world, draft, "ban-ve", len(CONTENT), who=who).status for who in ("other", "reader")}
    assert {"other": 404, "reader": 403} == said
    assert 404 == order(world, draft, "khong-co", len(CONTENT)).status
    assert 401 == world.plain("POST", "/v1/uploads", headers=[V]).status
    assert before == fingerprint_of_world(world)


def test_a_case_that_was_handed_in_takes_no_upload(world: World, case_code: str) -> None:
    code, content = next(iter(PAPERS.items()))
    assert 409 == order(world, case_code, code, len(content)).status


@pytest.mark.parametrize("name", ["Upload-Defer-Length", "Upload-Concat"])
def test_an_extension_that_is_not_offered_is_refused(device: Device, name: str) -> None:
    assert (
        400
        == device.ask(
            "PATCH", V, ("Content-Type", CHUNK), ("Upload-Offset", "0"), (name, "1"), body=b""
        ).status
    )


def test_so_many_uploads_of_a_document_and_no_more_are_open(world: World) -> None:
    code = str(world.draft(documents=[announced("ban-ve", CONTENT)])["case_code"])
    said = [order(world, code, "ban-ve", len(CONTENT)).status for _ in range(uploads.MOST_OPEN + 1)]
    assert [201] * uploads.MOST_OPEN + [409] == said


# --- checksum -----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
def test_a_chunk_whose_checksum_agrees_counts(device: Device, algorithm: str) -> None:
    chunk = CONTENT[:200_000]
    assert 204 == device.patch(0, chunk, checksum(chunk, algorithm)).status
    assert len(chunk) == device.offset()


def test_a_chunk_whose_checksum_does_not_agree_is_460_and_counts_for_nothing(
    world: World, device: Device
) -> None:
    device.patch(0, CONTENT[:1000])
    reply = device.patch(1000, CONTENT[1000:2000], checksum(b"other"))
    assert (460, "checksum_mismatch") == (reply.status, reply.json["code"])
    assert (1000, CONTENT[:1000]) == (device.offset(), part_of(world, device))
    assert 204 == device.patch(1000, CONTENT[1000:2000], checksum(CONTENT[1000:2000])).status


def test_a_last_chunk_whose_checksum_does_not_agree_stores_nothing(world: World, device: Device) -> None:
    assert 460 == device.patch(0, CONTENT, checksum(b"other")).status
    assert ("open", 0) == (stored(world, device), device.offset())


@pytest.mark.parametrize(
    "said",
    [
        "md5 rL0Y20zC+Fzt72VPzMSk2A==",
        "sha256",
        "sha256 !",
        "sha256 AAAA",
        "SHA256 AAAA",
        "",
        "crc32 AAAAAA==",
    ],
)
def test_an_algorithm_or_a_digest_that_is_not_known_is_400(device: Device, said: str) -> None:
    assert 400 == device.patch(0, b"abc", ("Upload-Checksum", said)).status
    assert 0 == device.offset()


# --- termination and expiration -----------------------------------------------------------------


def test_an_upload_that_was_given_up_is_gone_with_its_bytes(world: World, device: Device) -> None:
    device.patch(0, CONTENT[:1000])
    assert 204 == device.ask("DELETE", V).status
    assert [410] * 3 == [r.status for r in (device.head(), device.patch(1000, b"a"), device.ask("DELETE", V))]
    assert b"" == part_of(world, device)


def test_an_upload_whose_document_is_stored_cannot_be_given_up(world: World, device: Device) -> None:
    device.patch(0, CONTENT)
    assert 409 == device.ask("DELETE", V).status
    assert "stored" == stored(world, device)


def test_the_end_of_its_time_is_told_as_long_as_it_is_not_complete(device: Device) -> None:
    for reply in (device.head(), device.patch(0, CONTENT[:10])):
        ends = parsedate_to_datetime(reply.headers["upload-expires"])
        assert timedelta(hours=23) < ends - datetime.now(UTC) < timedelta(hours=25)
    assert "upload-expires" not in device.patch(10, CONTENT[10:]).headers


def test_after_the_end_of_its_time_an_upload_is_gone_and_its_bytes_are_removed(
    world: World, device: Device
) -> None:
    device.patch(0, CONTENT[:1000])
    link = device.link.rpartition("/")[2]
    over = datetime.now(UTC) + timedelta(seconds=world.house.settings.upload_life_s + 1)
    with pytest.raises(uploads.Gone, match="time of this upload is over"):
        uploads.look(world.house.context, link, over)
    uploads.forget_expired(world.house.context, over)
    assert ("expired", b"") == (stored(world, device), part_of(world, device))
    assert 410 == device.head().status


def test_what_is_under_way_is_not_swept_away(world: World, device: Device) -> None:
    device.patch(0, CONTENT[:1000])
    uploads.forget_expired(world.house.context, datetime.now(UTC))
    assert (1000, CONTENT[:1000]) == (device.offset(), part_of(world, device))


def test_what_a_process_that_died_left_behind_is_swept_away(world: World) -> None:
    folder = world.house.settings.var_dir / "uploads"
    left = [folder / "parts" / "upl_0", folder / "coming" / "tmp0"]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left")
    uploads.forget_expired(world.house.context, datetime.now(UTC))
    assert [False, True] == [path.exists() for path in left]
    uploads.forget_expired(world.house.context, datetime.now(UTC) + timedelta(hours=2))
    assert not left[1].exists()


# --- the whole is judged ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "media_type", "words"),
    [
        (CONTENT, "image/png", "announced as image/png, but the content is PDF"),
        (b"%PDF-1.7 no end" * 10, "application/pdf", "its end is missing"),
        (b"MZ" * 50, "application/zip", "the content is EXE/ELF"),
    ],
)
def test_a_document_of_another_kind_is_refused_with_the_reason_and_nothing_is_kept(
    world: World, content: bytes, media_type: str, words: str
) -> None:
    device = opened(world, content, media_type=media_type)
    files = fingerprint_of_world(world)["files"]
    reply = device.patch(0, content)
    assert (422, "malformed") == (reply.status, reply.json["code"])
    assert words in reply.json["detail"]
    again = device.patch(len(content), b"")
    assert 410 == again.status
    assert words in again.json["detail"]
    assert (files, b"") == (fingerprint_of_world(world)["files"], part_of(world, device))
    event = world.rows("SELECT type, data FROM events ORDER BY id DESC LIMIT 1")[0]
    assert "case.document_refused" == event.type
    assert words in event.data["reason"]


def test_a_document_whose_digest_lies_is_refused(world: World) -> None:
    other = CONTENT[:100] + b"y" + CONTENT[101:]
    device = opened(world, CONTENT)
    reply = device.patch(0, other)
    assert (422, "malformed") == (reply.status, reply.json["code"])
    assert "SHA-256" in reply.json["detail"]
    assert "refused" == stored(world, device)


def test_of_two_uploads_of_one_document_the_first_stores_it_and_both_are_told_so(world: World) -> None:
    case_code = str(world.draft(documents=[announced("ban-ve", CONTENT)])["case_code"])
    devices = [Device(order(world, case_code, "ban-ve", len(CONTENT)).headers["location"]) for _ in range(2)]
    assert [204, 204] == [each.patch(0, CONTENT).status for each in devices]
    query = "SELECT count(*) AS n FROM events WHERE case_code = :code AND type = 'case.document_stored'"
    assert 1 == world.one(query, code=case_code).n


# --- any way to cut it --------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["good", "good", "wrong offset", "wrong checksum", "cut off", "cut off, checksum", "too long"]
        ),
        st.integers(min_value=0, max_value=4000),
    ),
    max_size=8,
)


@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_however_it_is_cut_the_offset_is_what_came_in_good_order(
    world: World, steps: list[tuple[str, int]]
) -> None:
    content = pdf("mọi cách", size=9000)
    device = opened(world, content)
    at = 0
    for kind, wanted in steps:
        size = min(wanted, len(content) - 1 - at)
        chunk = content[at : at + size]
        if kind == "good":
            assert 204 == device.patch(at, chunk).status
            at += size
        elif kind == "wrong offset":
            assert 409 == device.patch(at + 1 + size, chunk).status
        elif kind == "wrong checksum":
            assert 460 == device.patch(at, chunk, checksum(chunk + b"x")).status
        elif kind == "too long":
            assert 413 == device.patch(at, content[at:] + b"x" * (1 + size)).status
        else:
            more = (checksum(content[at:]),) if kind.endswith("checksum") else ()
            cut_off(device.begin(at, len(content) - at, chunk, *more))
            at += 0 if more else size
        assert at == device.offset()
        assert content[:at] == part_of(world, device)
    assert 204 == device.patch(at, content[at:]).status
    assert content == world.house.context.files.get(str(announced("", content)["sha256"]))
