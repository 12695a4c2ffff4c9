"""A page of VNPost's tracking feed (RESTHeart), as `vnpost_ngsp` names the document and its gaps.

A page is believed or refused as a whole for its order and its number of events: nothing may be skipped. What stands
in one event concerns one parcel: an event that cannot be read is kept as such, and the others go on.
"""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.domain.delivery import DeliveryState
from gateway.domain.errors import Malformed
from gateway.ports import ParcelEvent, TrackingPage
from postal.codes import UNREADABLE

PAGE_MOST = 1_000
MESSAGE_CHARS = 200
CODE_CHARS = 20
ORDER_CHARS = 100
OBJECT_ID = r"[0-9a-f]{24}"
_MILLISECONDS_FROM = 10**11
_YEARS = range(2000, 2100)


class _Wire(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


_Text = Annotated[str, Field(max_length=10_000)]
_Wide = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class _Id(_Wire):
    oid: Annotated[str, Field(alias="$oid", pattern=rf"^{OBJECT_ID}\z")]


class _Placed(_Wire):
    """An event by its place in the feed; what else stands in it is looked at later."""

    model_config = ConfigDict(extra="allow")

    id: _Id = Field(alias="_id")


class _Event(_Wire):
    order_number: Annotated[
        str, Field(alias="OrderNumber", min_length=1, max_length=ORDER_CHARS, pattern=r"^[^\x00-\x1f]*\z")
    ]
    event_time: _Wide = Field(alias="EventTime")
    office: _Text | _Wide | None = Field(alias="POSID", default=None)
    item_code: _Text | None = Field(alias="ItemCode", default=None)
    code: _Wide = Field(alias="StatusCode")
    message: _Text | None = Field(alias="StatusMessage", default=None)


class _Embedded(_Wire):
    docs: Annotated[list[_Placed], Field(alias="rh:doc", max_length=PAGE_MOST)]


class _Feed(_Wire):
    returned: _Wide = Field(alias="_returned")
    embedded: _Embedded = Field(alias="_embedded")


def decode_page(
    body: bytes, *, customer_code: str, codes: Mapping[int, DeliveryState], cursor: str, page_size: int
) -> TrackingPage:
    """A page of the feed, oldest first. Events of another customer move the cursor but are left out.

    Raises `Malformed`: also for a page that was cut or does not move forward, so that nothing is skipped.
    """
    try:
        feed = _Feed.model_validate_json(body)
    except ValidationError:
        raise Malformed("The post's feed cannot be read.") from None
    docs = feed.embedded.docs
    ids = [cursor, *(doc.id.oid for doc in docs)]
    if feed.returned != len(docs) or len(docs) > page_size:
        raise Malformed("The post's feed does not hold as many events as it says.")
    if any(after <= before for before, after in pairwise(ids)):
        raise Malformed("The post's feed does not move forward.")
    rows = ((doc.id.oid, doc.model_extra or {}) for doc in docs)
    return TrackingPage(
        events=tuple(_event(oid, row, codes) for oid, row in rows if _is_ours(row, customer_code)),
        next_cursor=ids[-1],
        more=len(docs) == page_size,
    )


def _is_ours(row: Mapping[str, Any], customer_code: str) -> bool:
    """Unless it says that it is another's."""
    named = row.get("CustomerCode")
    return not isinstance(named, str) or named == customer_code


def _event(oid: str, row: Mapping[str, Any], codes: Mapping[int, DeliveryState]) -> ParcelEvent:
    try:
        read = _Event.model_validate(row)
        occurred_at = _moment(read.event_time)
    except (ValidationError, Malformed):
        return _unreadable(oid, row)
    return ParcelEvent(
        source_id=oid,
        order_number=read.order_number,
        item_code=_plain(read.item_code) or None,
        code=str(read.code),
        meaning=codes.get(read.code),
        occurred_at=occurred_at,
        message=_plain(read.message)[:MESSAGE_CHARS],
        office=_plain(read.office) or None,
    )


def _unreadable(oid: str, row: Mapping[str, Any]) -> ParcelEvent:
    """What can be kept of it: the order as it is named, if it is, and the code as text; when, by the event's id."""
    return ParcelEvent(
        source_id=oid,
        order_number=_plain(row.get("OrderNumber"))[:ORDER_CHARS],
        item_code=None,
        code=UNREADABLE + _plain(row.get("StatusCode"))[:CODE_CHARS],
        meaning=None,
        occurred_at=datetime.fromtimestamp(int(oid[:8], 16), UTC),  # an ObjectId begins with its second
    )


def _plain(value: object) -> str:
    """Text or a number as text, without characters that are none (the database takes no zero byte)."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return "".join(char for char in str(value) if unicodedata.category(char) not in {"Cc", "Cs"})


def _moment(event_time: int) -> datetime:
    seconds, milliseconds = divmod(event_time, 1000) if event_time >= _MILLISECONDS_FROM else (event_time, 0)
    try:
        moment = datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=milliseconds)
    except (OverflowError, OSError, ValueError):
        raise Malformed("An event of the post has no possible time.") from None
    if moment.year not in _YEARS:
        raise Malformed("An event of the post has no possible time.")
    return moment
