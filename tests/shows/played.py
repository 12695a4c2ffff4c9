"""The procedures that `python -m tests.shows procedures` plays, and what a citizen of each of them says and must pay.

The sums are those of the law on the day, written here a second time and by hand: what the product counts is held
against them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from tests.papers import pdf

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + bytes(64) + b"\xff\xd9"
HALVED_TO = date(2026, 12, 31)  # TT 64/2025/TT-BTC
WHO = {"ho-ten": "Bùi Thị Lan", "ngay-sinh": "1961-05-19", "so-dinh-danh": "017161000001"}
Fee = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Plan:
    """One case: what is told with it, the sums that the law names, and the turn that it takes."""

    code: str
    papers: Sequence[str]
    answers: Mapping[str, object] = field(default_factory=dict)
    vnd: int = 0
    halved: bool = False
    """Half of it until the end of 2026."""
    lines: Sequence[Fee] = ()
    """What the agency asks for where no rule can tell."""
    pay: str = "with"
    provider: str = "vnpay"
    turn: str = ""
    thin: bool = False
    home: bool = True
    """Whether the post brings the result; else it waits at the counter."""

    def fee_vnd(self, on: date) -> int:
        return self.vnd // 2 if self.halved and on <= HALVED_TO else self.vnd

    def content(self, paper: str) -> tuple[bytes, str]:
        """A paper of the case, and its media type."""
        if paper == "anh":
            return JPEG, "image/jpeg"
        return pdf(f"{self.code} {paper}"), "application/pdf"


def _line(kind: str, code: str, name: str, amount_vnd: int) -> Fee:
    return {"kind": kind, "code": code, "name": name, "amount_vnd": amount_vnd}


PLANS = (
    Plan(  # judicial record, for half the fee by proof
        "3.000333",
        ("to-khai", "giay-to-tuy-than", "giay-to-giam-phi"),
        {
            **WHO,
            "noi-cu-tru": "Phường Tân Hòa",
            "loai-phieu": "so-1",
            "nguoi-nop": "chinh-chu",
            "reduction": "giam-phi",
        },
        vnd=100_000,
        pay="before",
        provider="dvcqg",
    ),
    Plan(  # a business; its first papers lack something
        "2.001610",
        ("giay-de-nghi", "giay-to-phap-ly"),
        {
            "ten-doanh-nghiep": "Doanh nghiệp tư nhân Lan Anh",
            "ho-ten": "Bùi Thị Lan",
            "so-dinh-danh": "017161000001",
            "tru-so": "Số 5 đường Cù Chính Lan",
            "von-dau-tu": 500_000_000,
            "nganh-nghe": "Bán lẻ",
        },
        vnd=50_000,
        halved=True,
        pay="before",
        turn="supplement",
    ),
    Plan(  # permanent residence with a family, the reduced fee of who sends it online
        "1.004222",
        ("ct01", "cho-o-hop-phap", "dong-y-chu-ho"),
        {**WHO, "cho-o": "Số 5", "nhap-ho": True, "chu-ho": "Bùi Văn Hùng"},
        vnd=10_000,
        provider="keypay",
    ),
    Plan(
        "1.004194",
        ("ct01", "cho-o-hop-phap"),
        {**WHO, "cho-o": "Số 5", "tam-tru-den": "2027-06-30"},
        vnd=7_000,
    ),
    Plan(  # a passport: the portal of the police keeps the dossier, and hands over money and delivery only
        "1.001456",
        ("tk01", "anh"),
        {"truong-hop": "moi"},
        vnd=200_000,
        halved=True,
        pay="before",
        thin=True,
        provider="dvcqg",
    ),
    Plan(
        "3.000347",
        ("giay-kham", "giay-phep-cu", "anh"),
        {**WHO, "hang": "b", "so-giay-phep": "170123456789"},
        vnd=135_000,
        pay="before",
    ),
    Plan(
        "2.000635",
        ("to-khai",),
        {"ho-ten": "Bùi Thị Lan", "ngay-sinh": "1961-05-19", "loai": "khai-sinh", "so-ban": 3},
        vnd=24_000,
    ),
    Plan(  # drawings, two agencies, and a fee by the value of the works that the agency names
        "1.009973",
        ("to-trinh", "thuyet-minh", "ban-ve"),
        {
            "ten-cong-trinh": "Trường mầm non Tân Hòa",
            "chu-dau-tu": "Công ty Lan Anh",
            "ma-so-thue": "0100109106",
            "cap-cong-trinh": "cap-3",
            "tong-muc-dau-tu": 12_000_000_000,
            "von-nha-nuoc": False,
        },
        lines=(
            _line("phi", "TD-TK", "Phí thẩm định thiết kế", 11_000_000),
            _line("phi", "TD-DT", "Phí thẩm định dự toán", 9_600_000),
        ),
        pay="after",
        turn="transfer",
    ),
    Plan("2.001720", ("tk1-ts",), {**WHO, "ma-so-bhxh": "0110000001", "ly-do": "hong"}),
    Plan(  # land data: what was paid goes back when there is none to give
        "1.012789",
        ("phieu-yeu-cau", "giay-to-tuy-than"),
        {"ho-ten": "Bùi Thị Lan", "thua-dat": 12, "to-ban-do": 7, "dia-chi-thua": "Xóm Mỏ"},
        lines=(_line("phi", "DD-TL", "Phí khai thác tài liệu đất đai", 30_000),),
        turn="refusal",
    ),
    Plan(  # free, by law
        "1.001193",
        ("to-khai", "giay-chung-sinh"),
        {
            "ho-ten-con": "Bùi An",
            "ngay-sinh-con": "2026-11-02",
            "ho-ten-me": "Bùi Thị Lan",
            "co-chung-sinh": True,
        },
    ),
    Plan("2.000908", ("giay-to-tuy-than",), {"ho-ten": "Bùi Thị Lan", "giay-to": "Bằng tốt nghiệp"}),
    Plan(  # level 3: the case online, the fee and the card at the agency
        "2.001195",
        ("dc02",),
        {"ho-ten": "Bùi Thị Lan", "so-dinh-danh": "017161000001", "ly-do": "hong"},
        pay="at_agency",
        home=False,
    ),
)
ONLY_TOLD = ("1.008891", "1.008892")
"""Of levels 1 and 2."""
