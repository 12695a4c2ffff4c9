"""What happens to a parcel in this world, and the identifiers of the tracking feed.

The public list of NGSP status codes holds one code, 4 = delivered. 1 accepted, 2 collected and 3 in transit are
settings of this world; 77 is a code that nobody knows, sent once per order. By the seed one event comes twice and,
for every other order or so, two events come in the wrong order.
"""

from dataclasses import dataclass
from random import Random

ACCEPTED, COLLECTED, IN_TRANSIT, DELIVERED, UNKNOWN_CODE = 1, 2, 3, 4, 77
TEXTS = {
    ACCEPTED: "Đã tiếp nhận yêu cầu",
    COLLECTED: "Đã lấy hàng",
    IN_TRANSIT: "Đang vận chuyển",
    DELIVERED: "Phát thành công",
    UNKNOWN_CODE: "Trạng thái 77",
}
JOURNEY = (ACCEPTED, COLLECTED, UNKNOWN_CODE, IN_TRANSIT, DELIVERED)
S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
OBJECT_ID_LENGTH = 24
FIRST_CURSOR = "0" * OBJECT_ID_LENGTH
HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Step:
    """One event to come. `lag` is how many steps before its appearance in the feed it happened."""

    code: int
    lag: float = 0.0


def journey(seed: int, order_number: str) -> tuple[Step, ...]:
    """The events of one order in the order of the feed, the same for the same seed. Delivery comes last."""
    draw = Random(f"{seed}:{order_number}")
    steps = [Step(code) for code in JOURNEY]
    if draw.random() < 0.5:  # noqa: PLR2004 - one order in two
        first = draw.choice((1, 2))
        early, late = steps[first], steps[first + 1]
        steps[first : first + 2] = [late, Step(early.code, lag=1.5)]
    twice = draw.randrange(len(steps) - 1)
    steps.insert(twice + 1, Step(steps[twice].code, lag=steps[twice].lag + 1.0))
    return tuple(steps)


def item_code(seed: int, number: int) -> str:
    """A registered-letter code by UPU S10: two letters, eight digits, check digit, country."""
    serial = f"{(seed * 1_000_003 + number) % 100_000_000:08d}"
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(serial, S10_WEIGHTS, strict=True)) % 11
    check = {10: 0, 11: 5}.get(rest, rest)
    return f"RH{serial}{check}VN"


def object_id(second: int, seed: int, number: int) -> str:
    """24 hexadecimal digits that grow with `second` and `number`: time, machine, counter, as MongoDB writes them."""
    return f"{second & 0xFFFFFFFF:08x}{seed & 0xFFFFFFFFFF:010x}{number & 0xFFFFFF:06x}"


def is_object_id(text: str) -> bool:
    return len(text) == OBJECT_ID_LENGTH and HEX.issuperset(text)
