"""An endpoint of a portal that is played, and what was sent to it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from service_world import NOW, Wire, World

from gateway.ports import HttpAnswer, HttpRequest
from gateway.service import behind, webhooks
from gateway.service.context import Context
from gateway.store import webhooks as store

SECRET = b"0123456789abcdefghijklmnopqrstuv"


def says(status: int, **headers: str) -> HttpAnswer:
    return HttpAnswer(status, b"", {name.replace("_", "-"): value for name, value in headers.items()})


class Listener:
    """Its own endpoint of the portal, that answers what `answer` is."""

    def __init__(self, world: World, types: Sequence[str] = ("*",)) -> None:
        self.world, self.answer = world, says(200)
        self.wire = Wire(lambda _: self.answer)
        self.context: Context = replace(world.context, webhook_door=self.wire)
        url = f"https://portal.example.vn/{world.fresh('hook')}"
        made = webhooks.add_endpoint(self.context, world.caller, url=url, types=types, secret=SECRET)
        self.id = made.id

    def told(self) -> list[tuple[str, str]]:
        """Each message made for this endpoint: its id, and the type of its event."""
        return self.world.rows(
            "SELECT m.id, e.type FROM webhook_messages m JOIN events e ON e.id = m.event_id "
            "WHERE m.endpoint_id = :id ORDER BY e.xid, e.id",
            id=self.id,
        )

    def message(self) -> str:
        """The id of a message that waits for its first try."""
        self.world.payment(self.world.case())
        self.fan_out()
        return self.told()[-1][0]

    def fan_out(self) -> None:
        while behind.consume(self.context, "webhooks", NOW):
            pass

    def send(self, message_id: str, round_: int = 0, at: datetime = NOW) -> None:
        webhooks.send(self.context, message_id, round_, at)

    @property
    def sent(self) -> list[HttpRequest]:
        return self.wire.asked

    def state(self) -> store.Endpoint | None:
        with self.world.transaction() as connection:
            return store.find_endpoint(connection, self.id)

    def outcomes(self, message_id: str) -> list[tuple[int | None, str]]:
        query = "SELECT status, outcome FROM webhook_attempts WHERE message_id = :id ORDER BY id"
        return self.world.rows(query, id=message_id)

    def due(self, message_id: str) -> list[tuple[int, datetime | None]]:
        """Round and time of each try that waits, but the first."""
        return [(args["round"], at) for args, at in self.world.jobs("send_webhook", message_id)[1:]]

    def remove(self) -> None:
        with self.world.transaction() as connection:
            store.remove_endpoint(connection, self.id)

    def change(self, **values: object) -> None:
        with self.world.transaction() as connection:
            store.change_endpoint(connection, self.id, **values)
