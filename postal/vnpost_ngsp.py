"""VNPost by the national service bus, "apiVNPostNGSP": order, cancel, tracking feed.

Document: none is public; the wire is that of VNPostNGSPSDK 1.0.0 (2017-10) as the provincial one-stop systems
use it. Nothing is signed: a consumer key and secret buy a bearer token, TLS does the rest.

* token: POST, Basic key and secret, `grant_type=client_credentials`; 200.
* order: POST JSON, every field in the fixed order, absent ones as null; 201 and `{Status, Message}`.
* cancel: a **GET** with CustomerCode and OrderNumber; 201 and `{Status, Message}`.
* tracking: GET, a feed of the whole customer (RESTHeart), after a Mongo ObjectId; 200.

No list of the codes is public, so they are settings. `Status`: 100 taken and 101 known already are those of
the provincial variant of this wire. `StatusCode` of tracking: only 4, delivered, is known. A code that no
table has means "not known yet" (`UNKNOWN`, or a `meaning` of None), never progress and never failure. Whether a
repeated order is always recognised is not documented either, so it is a setting, off until it is confirmed.

`EventTime` is called a long and no more: a number of at least 10^11 is read as milliseconds since 1970, a
smaller one as seconds (10^11 s would be the year 5138, 10^11 ms is 1973); outside 2000 to 2099 it is not believed, and
the event is kept as one that cannot be read.

By Luật 91/2025/QH15 the post gets names, addresses, phones, the order number and the sum; not the list of
papers (`SenderDesc`) and not the receiver's e-mail.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.domain.delivery import DeliveryState
from gateway.domain.errors import Malformed, OutcomeUnknown, Refused
from gateway.ports import (
    HttpAnswer,
    HttpDoor,
    HttpRequest,
    OrderAnswer,
    OrderVerdict,
    ParcelOrder,
    PostalCapability,
    TrackingPage,
)
from postal.token_desk import NOT_DECIDED, TokenDesk, TokenSettings
from postal.vnpost_feed import MESSAGE_CHARS, OBJECT_ID, PAGE_MOST, decode_page

ACCEPTED = 100
ALREADY_KNOWN = 101
TRACKING_CODES: Mapping[int, DeliveryState] = MappingProxyType({4: DeliveryState.DELIVERED})

CAPABILITIES = frozenset({PostalCapability.ORDER, PostalCapability.CANCEL, PostalCapability.TRACKING_FEED})
_IDEMPOTENT = frozenset({PostalCapability.IDEMPOTENT_ORDER})

FROM_THE_BEGINNING = "0" * 24
TEXT_CHARS = 500
COD_MOST_VND = 1_000_000_000_000
_STALE = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


@dataclass(frozen=True, slots=True)
class Settings:
    """One agency's contract with VNPost. The status tables are configuration until a list is published.

    `repeated_order_is_known` may be set once VNPost has confirmed, for this contract, that a repeated order number
    is answered with a status of `already_known` and makes no second parcel: then unclear orders are sent again.
    `sender_desc` is one fixed text for all orders of the agency; nothing of a case may be put there.
    """

    token_url: str
    order_url: str
    cancel_url: str
    tracking_url: str
    customer_code: str
    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)
    accepted: frozenset[int] = frozenset({ACCEPTED})
    already_known: frozenset[int] = frozenset({ALREADY_KNOWN})
    refused: frozenset[int] = frozenset()
    tracking_codes: Mapping[int, DeliveryState] = field(default_factory=lambda: TRACKING_CODES)
    repeated_order_is_known: bool = False
    sender_desc: str | None = None
    timeout_s: float = 10.0
    token_margin_s: int = 60


# --- what the wire says -------------------------------------------------------------------------


class _Wire(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


_Text = Annotated[str, Field(max_length=10_000)]
_Wide = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class _Result(_Wire):
    status: _Wide = Field(alias="Status")
    message: _Text | None = Field(alias="Message", default=None)


_W = TypeVar("_W", bound=_Wire)


def _read(shape: type[_W], body: bytes) -> _W:
    try:
        return shape.model_validate_json(body)
    except ValidationError:
        raise Malformed("The post's answer cannot be read.") from None


# --- encode and decode --------------------------------------------------------------------------


def encode_order(order: ParcelOrder, settings: Settings) -> bytes:
    """The order as JSON in UTF-8, in the SDK's order of fields. Raises `Malformed`."""
    if not 0 <= order.cod_vnd <= COD_MOST_VND:
        raise Malformed("The sum to collect is not between nothing and the limit.")
    sender, receiver = order.sender, order.receiver
    wire: dict[str, str | int | None] = {
        "CustomerCode": _given("CustomerCode", settings.customer_code),
        "OrderNumber": _given("OrderNumber", order.order_number),
        "CODAmount": order.cod_vnd,
        "SenderProvince": sender.province_code,
        "SenderDistrict": sender.district_code,
        "SenderAddress": _given("SenderAddress", sender.address),
        "SenderName": _given("SenderName", sender.name),
        "SenderEmail": _tidy("SenderEmail", sender.email),
        "SenderTel": _given("SenderTel", sender.phone),
        "SenderDesc": _tidy("SenderDesc", settings.sender_desc),
        "Description": _tidy("Description", order.description),
        "ReceiverName": _given("ReceiverName", receiver.name),
        "ReceiverAddress": _given("ReceiverAddress", receiver.address),
        "ReceiverTel": _given("ReceiverTel", receiver.phone),
        "ReceiverProvince": receiver.province_code,
        "ReceiverDistrict": receiver.district_code,
        "ReceiverEmail": None,
    }
    return json.dumps(wire, ensure_ascii=False, separators=(",", ":")).encode()


def _tidy(name: str, text: str | None) -> str | None:
    if text is None:
        return None
    tidy = " ".join(unicodedata.normalize("NFC", text).split())
    if len(tidy) > TEXT_CHARS or any(unicodedata.category(char) in {"Cc", "Cs"} for char in tidy):
        raise Malformed(f"{name} is too long for the post, or has characters that are no text.")
    return tidy or None


def _given(name: str, text: str) -> str:
    tidy = _tidy(name, text)
    if tidy is None:
        raise Malformed(f"The post needs {name}.")
    return tidy


def decode_order_answer(answer: HttpAnswer, settings: Settings) -> OrderAnswer:
    """The post's verdict on an order or a cancellation.

    Raises `OutcomeUnknown` where the answer tells no verdict: the request has left us by then.
    """
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in NOT_DECIDED:
        raise OutcomeUnknown(f"The post answered {answer.status}: what became of the request is not known.")
    try:
        result = _read(_Result, answer.body)
    except Malformed:
        raise OutcomeUnknown("The post's answer cannot be read: what became is not known.") from None
    return OrderAnswer(
        verdict=_verdict(answer.status, result.status, settings),
        code=str(result.status),
        message=(result.message or "")[:MESSAGE_CHARS],
    )


def _verdict(http_status: int, status: int, settings: Settings) -> OrderVerdict:
    if status in settings.already_known:
        return OrderVerdict.ALREADY_KNOWN
    if status in settings.accepted:
        return OrderVerdict.ACCEPTED if http_status == HTTPStatus.CREATED else OrderVerdict.UNKNOWN
    said_no = HTTPStatus.BAD_REQUEST <= http_status < HTTPStatus.INTERNAL_SERVER_ERROR
    return OrderVerdict.REFUSED if said_no or status in settings.refused else OrderVerdict.UNKNOWN


def decode_tracking(body: bytes, settings: Settings, *, cursor: str, page_size: int) -> TrackingPage:
    """A page of the feed, oldest first. Raises `Malformed` (see `vnpost_feed`)."""
    return decode_page(
        body,
        customer_code=settings.customer_code,
        codes=settings.tracking_codes,
        cursor=cursor,
        page_size=page_size,
    )


# --- the operator -------------------------------------------------------------------------------


class VnpostNgsp:
    """`gateway.ports.PostalOperator`. Its only state is the token."""

    name = "vnpost_ngsp"

    def __init__(self, settings: Settings, http: HttpDoor, *, clock: Callable[[], datetime]) -> None:
        self.capabilities = CAPABILITIES | (_IDEMPOTENT if settings.repeated_order_is_known else frozenset())
        self._settings, self._http = settings, http
        token = TokenSettings(
            url=settings.token_url,
            key=settings.consumer_key,
            secret=settings.consumer_secret,
            timeout_s=settings.timeout_s,
            margin_s=settings.token_margin_s,
        )
        self._desk = TokenDesk(token, http, clock=clock)

    def order(self, order: ParcelOrder) -> OrderAnswer:
        """As the port; also `Refused` when our credentials are not taken (the order was not looked at)."""
        body = encode_order(order, self._settings)
        return decode_order_answer(self._call("POST", self._settings.order_url, body=body), self._settings)

    def cancel(self, order_number: str) -> OrderAnswer:
        """As `order`. By this wire a cancellation is a GET that is answered 201."""
        query = {
            "CustomerCode": self._settings.customer_code,
            "OrderNumber": _given("OrderNumber", order_number),
        }
        return decode_order_answer(self._call("GET", _url(self._settings.cancel_url, query)), self._settings)

    def tracking(self, cursor: str | None, limit: int) -> TrackingPage:
        """As the port: at most 1000 events. Raises also `Refused`."""
        after = FROM_THE_BEGINNING if cursor is None else cursor
        if not re.fullmatch(OBJECT_ID, after) or limit < 1:
            raise Malformed("A cursor of the feed is 24 hexadecimal digits, a limit at least 1.")
        page_size = min(limit, PAGE_MOST)
        query = {"pagesize": str(page_size), "lastId": after}
        answer = self._call("GET", _url(self._settings.tracking_url, query))
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in NOT_DECIDED:
            raise OutcomeUnknown(f"The post's feed answered {answer.status}.")
        if answer.status != HTTPStatus.OK:
            raise Refused("The post does not give its feed.", str(answer.status))
        return decode_tracking(answer.body, self._settings, cursor=after, page_size=page_size)

    def meaning_of(self, code: str) -> DeliveryState | None:
        """What a kept code of the feed means by the settings of today; None while no table has it."""
        return {str(each): meaning for each, meaning in self._settings.tracking_codes.items()}.get(code)

    def _call(self, method: str, url: str, *, body: bytes | None = None) -> HttpAnswer:
        """One call with a token, and once more with a new one where the post does not take it."""
        token = self._desk.header()
        answer = self._send(method, url, token=token, body=body)
        if answer.status in _STALE:
            token = self._desk.header(unless=token)
            answer = self._send(method, url, token=token, body=body)
        if answer.status in _STALE:
            raise Refused("The post does not take our token.", str(answer.status))
        return answer

    def _send(self, method: str, url: str, *, token: str, body: bytes | None) -> HttpAnswer:
        headers = {"Authorization": token, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        request = HttpRequest(
            method=method, url=url, headers=headers, body=body, timeout_s=self._settings.timeout_s
        )
        return self._http.send(request)


def _url(base: str, query: Mapping[str, str]) -> str:
    return f"{base}?{urlencode(query)}"
