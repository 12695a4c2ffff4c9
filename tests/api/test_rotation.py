"""A portal changes its key for another: both are believed until the old one is revoked."""

from dataclasses import replace

from api_wire import Key
from api_world import ALL_SCOPES, World
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from gateway.store import portals


def test_several_keys_of_a_portal_are_believed_at_once_until_one_is_revoked(world: World) -> None:
    old, new = (Key(f"rotated-{n}", Ed25519PrivateKey.generate()) for n in (1, 2))
    with world.engine.begin() as connection:
        portal = portals.add_portal(connection, name="Xoay khóa", agency_code="H28", live=False)
        for each in (old, new):
            portals.add_key(
                connection, portal_id=portal, keyid=each.keyid, public_pem=each.pem, scopes=ALL_SCOPES
            )

    def statuses() -> list[int]:
        call = world.call("GET", "/v1/events?limit=1")
        return [replace(call, key=each).send().status for each in (old, new)]

    assert [200, 200] == statuses()
    with world.engine.begin() as connection:
        now = connection.execute(text("SELECT now()")).scalar_one()
        assert portals.revoke_key(connection, old.keyid, now)
    assert [401, 200] == statuses()


def test_what_replaces_a_key_holds_from_the_next_request_on(world: World) -> None:
    before, after = (
        Key("replaced", Ed25519PrivateKey.generate()),
        Key("replaced", Ed25519PrivateKey.generate()),
    )
    call = world.call("GET", "/v1/events?limit=1")

    def give(key: Key, scopes: list[str]) -> list[int]:
        with world.engine.begin() as connection:
            portal = portals.add_portal(connection, name="Thay khóa", agency_code="H28", live=False)
            portals.add_key(connection, portal_id=portal, keyid=key.keyid, public_pem=key.pem, scopes=scopes)
        return [replace(call, key=each).send().status for each in (before, after)]

    assert [200, 401] == give(before, ALL_SCOPES)
    assert [401, 200] == give(after, ALL_SCOPES)
    assert [401, 403] == give(after, ["payments:write"])
