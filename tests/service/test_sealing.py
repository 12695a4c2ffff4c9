"""The proof log over a real database: every event once, in order, whatever happens between; and what it is good for."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from service_wires import ipn
from service_world import NOW, World, at_once, minutes
from sqlalchemy.exc import IntegrityError

from gateway.domain import evidence as tree
from gateway.domain import leaf as leaves
from gateway.domain.errors import BadSignature, NotFound, Unreachable
from gateway.notary import open_notary
from gateway.service import evidence, sealing
from gateway.store import log as store
from gateway.store import spine
from gateway.wiring import now
from signing import notes

pytestmark = pytest.mark.service

WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SEES = notes.Verifier("witness.example", WITNESS.public_key(), notes.COSIGNATURE)


def drained(world: World, limit: int = sealing.BATCH) -> int:
    total = 0
    while added := sealing.seal(world.context, NOW, limit):
        total += added
    return total


def bodies(world: World) -> list[bytes]:
    return [body for (body,) in world.rows("SELECT body FROM leaves ORDER BY index")]


def newest(world: World) -> store.Checkpoint:
    with world.transaction() as connection:
        found = store.checkpoint(connection)
    assert found is not None
    return found


def root_of(world: World) -> bytes:
    return tree.root_of([tree.leaf_hash(body) for body in bodies(world)])


def proved(world: World) -> notes.Checkpoint:
    """The newest checkpoint, its signature checked with the published key."""
    return notes.verify(newest(world).note, notes.read_verifier(world.context.notary.key))


def paid(world: World) -> str:
    case_code = world.case()
    payment_id, reference = world.started(case_code)
    world.hear("vnpay", ipn(reference, number=world.fresh("S")))
    assert "paid" == world.found(payment_id).state
    return case_code


def test_every_event_is_a_leaf_once_and_in_the_order_of_the_spine(world: World) -> None:
    paid(world)
    drained(world)
    paid(world)
    assert drained(world, limit=3) > 3, "in several batches"
    order = "SELECT id FROM events ORDER BY xid, id"
    assert world.rows(order) == world.rows("SELECT event_id FROM leaves ORDER BY index")
    told = [json.loads(body) for body in bodies(world)]
    assert [each["id"] for each in told] == [number for (number,) in world.rows(order)]
    checkpoint = proved(world)
    assert (len(told), root_of(world)) == (checkpoint.size, checkpoint.root)
    assert 0 == drained(world), "nothing is sealed twice"


def test_in_whatever_batches_the_roots_are_those_of_the_definition(world: World) -> None:
    for limit in (1, 2, 5):
        paid(world)
        drained(world, limit)
    hashes = [tree.leaf_hash(body) for body in bodies(world)]
    known = world.rows("SELECT size, note FROM checkpoints ORDER BY size")
    key = notes.read_verifier(world.context.notary.key)
    assert [tree.root_of(hashes[:size]) for size, _ in known] == [
        notes.verify(note, key).root for _, note in known
    ]


def test_a_late_transaction_is_not_passed_over(world: World) -> None:
    drained(world)
    with world.engine.connect() as slow:
        transaction = slow.begin()
        slow.exec_driver_sql("SELECT pg_current_xact_id()")
        paid(world)
        assert 0 == drained(world), "an older transaction may still append"
        transaction.rollback()
    assert drained(world) > 0


def test_many_sealers_at_once_make_one_log(world: World) -> None:
    for _ in range(3):
        paid(world)
    at_once(6, lambda _: drained(world, limit=2))
    drained(world)
    count = world.one("SELECT count(*) FROM events")
    assert (count, root_of(world)) == (proved(world).size, proved(world).root)


def test_a_crash_before_the_commit_leaves_the_same_log(world: World) -> None:
    paid(world)
    before = len(bodies(world))

    def falls(size: int, root: bytes) -> str:
        raise Unreachable(f"the signer went away at {size} {root.hex()[:0]}")

    broken = replace(world.context, notary=replace(world.context.notary, sign=falls))
    with pytest.raises(Unreachable):
        sealing.seal(broken, NOW)
    assert before == len(bodies(world)), "nothing is half sealed"
    drained(world)
    assert root_of(world) == proved(world).root


def test_a_leaf_and_a_tile_are_never_changed(world: World) -> None:
    paid(world)
    drained(world)
    for statement in (
        "UPDATE leaves SET body = 'x' WHERE index = 0",
        "DELETE FROM leaves WHERE index = 0",
        "UPDATE log_tiles SET hashes = decode(repeat('00', 32), 'hex')",
        "DELETE FROM log_tiles",
    ):
        with pytest.raises(IntegrityError, match=r"proof log|append-only"):
            world.do(statement)


def test_data_without_a_canonical_form_does_not_stop_the_log(world: World) -> None:
    with world.transaction() as connection:
        odd_one = spine.Change("thing", "t1", "thing.moved", 1, "gateway", "test", NOW, data={"half": 0.5})
        spine.append(connection, odd_one)
    drained(world)
    told = [json.loads(body) for body in bodies(world)]
    (odd,) = [each for each in told if "text" in each["committed"]]
    assert ("thing.moved", {}) == (odd["type"], odd["data"])


def test_a_leaf_that_would_be_longer_than_its_length_can_say_is_committed_whole(world: World) -> None:
    with world.transaction() as connection:
        wide = {f"member_{number}": number for number in range(1_000)}
        spine.append(
            connection, spine.Change("thing", "t2", "thing.grown", 1, "gateway", "test", NOW, data=wide)
        )
    drained(world)
    (told,) = [json.loads(body) for body in bodies(world) if b"thing.grown" in body]
    assert {"text", "cause"} == told["committed"].keys()
    assert max(map(len, bodies(world))) <= tree.MOST_ENTRY_BYTES


# --- people -----------------------------------------------------------------------------------------


def leaves_of(world: World, case_code: str) -> Sequence[dict[str, object]]:
    with world.transaction() as connection:
        found = store.leaves_of_case(connection, case_code, 100)
    return [json.loads(each.body) for each in found]


def test_no_name_no_phone_and_no_case_code_stands_in_the_log(world: World) -> None:
    case_code = paid(world)
    drained(world)
    log = b"".join(bodies(world)).decode()
    # cccd, the kind of a paper, is hexadecimal too: what is short says nothing
    applicant = world.case_wanted()["applicant"]
    assert not any(str(value) in log for value in [case_code, *applicant.values()] if len(str(value)) > 6)


def test_what_is_forgotten_stays_proved_and_is_never_opened_again(world: World) -> None:
    case_code = paid(world)
    drained(world)
    before = leaves_of(world, case_code)
    assert sealing.forget(world.context, case_code, NOW)
    assert not sealing.forget(world.context, case_code, NOW), "it is forgotten once"
    assert before == leaves_of(world, case_code)
    _, reference = world.started(case_code)
    world.hear("vnpay", ipn(reference, number=world.fresh("F")))
    drained(world)
    after = leaves_of(world, case_code)
    assert len(after) > len(before)
    assert before[0]["case"] != after[-1]["case"], "nobody can tell that it is the same case"
    assert [(None,)] == world.rows("SELECT salt_sealed FROM salts WHERE scope = :c", c=case_code)


# --- who else vouches -----------------------------------------------------------------------------------


def test_a_checkpoint_is_stamped_when_it_is_time_and_an_authority_that_is_down_costs_nothing(
    world: World,
) -> None:
    paid(world)
    drained(world)

    def away(_: bytes) -> bytes:
        raise Unreachable("the authority is down")

    down = replace(world.context, notary=replace(world.context.notary, stamp=away))
    up = replace(
        world.context,
        notary=replace(world.context.notary, stamp=lambda data: hashlib.sha256(data).digest()),
    )
    assert not sealing.stamp(down, NOW)
    assert None is newest(world).stamp
    assert sealing.stamp(up, NOW)
    text = newest(world).note.partition("\n\n")[0] + "\n"
    assert hashlib.sha256(text.encode()).digest() == newest(world).stamp
    paid(world)
    drained(world)
    assert not sealing.stamp(up, minutes(9)), "not each one"
    assert sealing.stamp(up, minutes(11))


def test_a_witness_that_we_know_signs_under_a_checkpoint_once(world: World) -> None:
    paid(world)
    drained(world)
    settings = world.house.settings.model_copy(update={"proof_log_witnesses": [SEES.text()]})
    known = open_notary(settings, world.house.keystore, bind=world.context.notary.bind, keys=dict, now=now())
    context = replace(world.context, notary=known)
    note = newest(world).note
    line = notes.cosign(note, name=SEES.name, key=WITNESS, at_s=1_790_000_000)
    assert 1 == evidence.cosign(context, note + line)
    assert 0 == evidence.cosign(context, note + line)
    assert line == newest(world).cosignatures
    assert 1_790_000_000 == notes.verify_cosignature(note + newest(world).cosignatures, SEES)
    with pytest.raises(BadSignature):
        evidence.cosign(context, note.replace("\n", "\n9", 1) + line)
    other = notes.sign(notes.Checkpoint("x", 5, bytes(32)), name="x", key=WITNESS)
    with pytest.raises(NotFound):
        evidence.cosign(context, other + notes.cosign(other, name=SEES.name, key=WITNESS, at_s=1))
    assert 0 == evidence.cosign(context, note), "and a line of nobody is not kept"


def test_the_same_value_has_another_commitment_in_another_case(world: World) -> None:
    first, second = paid(world), paid(world)
    drained(world)
    causes = [
        {json.dumps(each["committed"], sort_keys=True) for each in leaves_of(world, code)}
        for code in (first, second)
    ]
    assert causes[0].isdisjoint(causes[1])
    assert leaves.SALT_BYTES == len(
        world.context.sealer.open(
            world.one("SELECT salt_sealed FROM salts WHERE scope = :c", c=first), "salts.salt"
        )
    )
