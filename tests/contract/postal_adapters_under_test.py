"""One line for each operator of `postal/`: how it is made, and what its wire looks like.

Adding an operator = one file in `postal/`, one line here, samples in `wire/<operator>/`. A file without its line
fails the suite.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gateway.domain.delivery import DeliveryState
from gateway.ports import (
    HttpAnswer,
    HttpDoor,
    ParcelEvent,
    ParcelOrder,
    Party,
    PostalCapability,
    PostalOperator,
)
from postal import vnpost_ngsp

WIRE = Path(__file__).parent / "wire"
NOW = datetime(2025, 7, 1, 3, 0, tzinfo=UTC)
SECRETS = ("kh0a-khach-hang", "b1-mat-cua-khach-hang")


def _now() -> datetime:
    return NOW


@dataclass(frozen=True)
class Line:
    """What the questions need to know of one operator. Paths name what its requests are for."""

    name: str
    make: Callable[[HttpDoor], PostalOperator]
    paths: Mapping[str, str]
    capabilities: frozenset[PostalCapability]
    order: ParcelOrder
    token: HttpAnswer
    answers: Mapping[str, HttpAnswer]
    events: Mapping[str, tuple[ParcelEvent, ...]]
    cursors: tuple[str, str]
    secrets: tuple[str, ...] = field(default=SECRETS)

    def sample(self, name: str) -> bytes:
        return (WIRE / self.name / name).read_bytes()


def _answer(operator: str, name: str, status: int) -> HttpAnswer:
    return HttpAnswer(status=status, body=(WIRE / operator / name).read_bytes())


ORDER = ParcelOrder(
    order_number="000.00.15.H28-250630-0001",
    sender=Party(
        name="Trung tâm Phục vụ hành chính công",
        phone="02183000000",
        address="Số 1 đường Trần Hưng Đạo, phường Hòa Bình",
        province_code=35,
        district_code=3500,
    ),
    receiver=Party(
        name="Nguyễn Thị Thử",
        phone="0900000001",
        address="Xóm 2, xã Cao Phong",
        province_code=35,
        email="thu@example.invalid",
    ),
    cod_vnd=31_500,
)


def _ngsp_event(number: int, **changes: object) -> ParcelEvent:
    values: dict[str, object] = {
        "source_id": f"5a0b1c2d3e4f5a6b7c8d9e{number:02x}",
        "order_number": "000.00.15.H28-250630-0001",
        "item_code": "EN980000236VN",
        "code": "4",
        "meaning": DeliveryState.DELIVERED,
        "occurred_at": datetime(2025, 7, 1, 3, 12, 11, tzinfo=UTC),
        "message": "Phát thành công",
        "office": "350100",
    }
    return ParcelEvent(**(values | changes))


_NGSP = vnpost_ngsp.VnpostNgsp.name

LINES: tuple[Line, ...] = (
    Line(
        name=_NGSP,
        make=lambda http: vnpost_ngsp.VnpostNgsp(
            vnpost_ngsp.Settings(
                token_url="https://post.example/token",
                order_url="https://post.example/apiVNPostNGSP/p1.0/order/post",
                cancel_url="https://post.example/apiVNPostNGSP/p1.0/order/cancel",
                tracking_url="https://post.example/apiVNPostNGSP/p1.0/order/tracking",
                customer_code="C4TEST001",
                consumer_key=SECRETS[0],
                consumer_secret=SECRETS[1],
            ),
            http,
            clock=_now,
        ),
        paths={
            "token": "/token",
            "order": "/apiVNPostNGSP/p1.0/order/post",
            "cancel": "/apiVNPostNGSP/p1.0/order/cancel",
            "tracking": "/apiVNPostNGSP/p1.0/order/tracking",
        },
        capabilities=frozenset(
            {PostalCapability.ORDER, PostalCapability.CANCEL, PostalCapability.TRACKING_FEED}
        ),
        order=ORDER,
        token=_answer(_NGSP, "token.answer.json", 200),
        answers={
            "order accepted": _answer(_NGSP, "order.accepted.json", 201),
            "order already known": _answer(_NGSP, "order.already_known.json", 201),
            "order refused": _answer(_NGSP, "order.refused.json", 400),
            "order unknown": _answer(_NGSP, "order.unknown.json", 201),
            "cancel accepted": _answer(_NGSP, "cancel.accepted.json", 201),
            "cancel refused": _answer(_NGSP, "cancel.refused.json", 404),
            "tracking page": _answer(_NGSP, "tracking.page.json", 200),
            "tracking unknown code": _answer(_NGSP, "tracking.unknown_code.json", 200),
            "tracking empty": _answer(_NGSP, "tracking.empty.json", 200),
        },
        events={
            "tracking page": (
                _ngsp_event(
                    1,
                    code="2",
                    meaning=None,
                    occurred_at=datetime(2025, 6, 30, 3, 12, 11, tzinfo=UTC),
                    message="Đã nhận",
                    office="354000",
                ),
                _ngsp_event(2),
            ),
            "tracking unknown code": (_ngsp_event(3, code="9999", meaning=None, message="?"),),
        },
        cursors=("5a0b1c2d3e4f5a6b7c8d9e02", "5a0b1c2d3e4f5a6b7c8d9e03"),
    ),
)
