"""How the payment management of the National Portal (TTTT) and a bank sign, name and write: all of it agreed.

Public are the calls, some names and the headers; not the signature's algorithm, not what it covers, not most names and
not the columns of the reconciliation file. So `Settings` describes the contract, and nothing here is a fact of the
wire. The sources are in the docstring of `ttttqg.py`, the only module that uses this one.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from gateway.domain import wire
from gateway.domain.errors import BadSignature, ForeignPartner, Malformed, Misconfigured, Refused, Unsupported
from gateway.ports import FeeLine, HttpAnswer, HttpRequest, StartOrder
from signing import errors as signing_errors
from signing.mac import hmac_base64, hmac_hex, same
from signing.rsa import load_private, load_public, sign_base64, verify_base64

RSA: Final = "rsa-sha256"
ALGORITHMS: Final = frozenset({RSA, "hmac-sha256", "hmac-sha256-hex"})
# call: its path below `base_url`, where `paths` gives no other
PATHS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "create": "/giao-dich/tao",
        "status": "/giao-dich/trang-thai",
        "receipt": "/giao-dich/bien-lai",
        "account": "/tai-khoan/van-tin",
        "refund": "/giao-dich/hoan-tien",
        "payment_account": "/giao-dich/tai-khoan-thanh-toan",
        "disbursement": "/chi-ho",
        "reconciliation": "/doi-soat",
    }
)
LINE_KINDS: Final[Mapping[str, str]] = MappingProxyType({"phi": "1", "le_phi": "2"})
FEE_SERVICE: Final = "2"  # MaDichVu: 2 a fee, 1 a fine, which needs a decision that our orders do not carry
REQUEST_ID: Final = "x-request-id"
SIGNATURE: Final = "x-request-signature"
NOTICE, NOTICE_ANSWER = "notice", "notice.answer"
FILE_CHECKSUMS: Final = frozenset({"sha256", "md5"})
COLUMNS: Final = 22
SUMMARY: Final = 3
MAX_CODE: Final = 50
MAX_NAME: Final = 250
MAX_ROWS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Settings:
    """The contract with one bank.

    `algorithm` is `rsa-sha256` (`private_key` ours, `bank_certificate` the bank's, PEM) or `hmac-sha256` in Base64 or
    `-hex` (`secret`). `signed` gives, for a message (`create`, `create.answer`, … `notice`), the wire's names of what
    is signed, joined by `|`; their values are joined by `separator`. Without it the whole body is signed, as it is
    sent. `names` and `paths` replace ours. `columns` are those of the reconciliation file, and the sum's name in it
    `sum_column`; `file_checksum` is sha256 or md5. `postage_kind`: LoaiPhiLePhi for a postage line; empty refuses it.
    """

    partner_code: str
    base_url: str
    algorithm: str = RSA
    secret: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    bank_certificate: str = field(default="", repr=False)
    separator: str = "|"
    names: Mapping[str, str] = field(default_factory=dict)
    signed: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    success_codes: frozenset[str] = frozenset({"00"})
    channels: Mapping[str, str] = field(
        default_factory=lambda: {"internal": "NOIBO", "napas": "NAPAS", "citad": "CITAD"}
    )
    sums_as_text: bool = False
    service_suffix: str = ".01"
    postage_kind: str = ""
    columns: str = ""
    result_column: str = "KetQua"
    sum_column: str = "SoTien"
    file_checksum: str = "sha256"
    timeout_s: float = 10.0
    our_key: RSAPrivateKey | None = field(init=False, repr=False, compare=False)
    bank_key: RSAPublicKey | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Loads the keys, once. Raises `Misconfigured`."""
        if not self.partner_code or not self.base_url.startswith(("https://", "http://")):
            raise Misconfigured("ttttqg: partner_code is given, base_url is an absolute http(s) URL")
        if self.algorithm not in ALGORITHMS or self.file_checksum not in FILE_CHECKSUMS:
            raise Misconfigured("ttttqg: algorithm or file_checksum is none that we know")
        if not self.success_codes or set(self.paths) - set(PATHS):
            raise Misconfigured("ttttqg: success_codes is empty, or paths names an unknown call")
        calls = {NOTICE, NOTICE_ANSWER, *PATHS, *(f"{call}.answer" for call in PATHS)}
        if set(self.signed) - calls or not all(self.signed.values()):
            raise Misconfigured("ttttqg: signed names an unknown message, or nothing in it")
        if self.columns and not _are_columns(self.columns.split("|"), self.sum_column):
            raise Misconfigured(f"ttttqg: columns are {COLUMNS} different names with sum_column among them")
        self._load_keys()

    def _load_keys(self) -> None:
        rsa = self.algorithm == RSA
        if not rsa and not self.secret:
            raise Misconfigured("ttttqg: secret is empty")
        try:
            object.__setattr__(self, "our_key", load_private(self.private_key) if rsa else None)
            object.__setattr__(self, "bank_key", load_public(self.bank_certificate) if rsa else None)
        except signing_errors.SigningError as error:
            raise Misconfigured(f"ttttqg: a key cannot be used: {error}") from None

    def name(self, ours: str) -> str:
        """The contract's name of a member that we call `ours`."""
        return self.names.get(ours, ours)

    def sum(self, amount_vnd: int) -> int | str:
        """A sum as the contract writes it."""
        return str(amount_vnd) if self.sums_as_text else amount_vnd


def signed_bytes(settings: Settings, message: str, document: Mapping[str, object], body: bytes) -> bytes:
    """What the signature of `message` covers. Raises `Malformed` when a value holds the separator."""
    order = settings.signed.get(message)
    if order is None:
        return body
    values = [wire.printed(document, name) for name in order.split("|")]
    if settings.separator and any(settings.separator in value for value in values):
        raise Malformed("ttttqg: a signed value holds the separator")
    return settings.separator.join(values).encode()


def sign(settings: Settings, data: bytes) -> str:
    """The signature as it stands in its header."""
    if settings.our_key is not None:
        return sign_base64(settings.our_key, data)
    digest = hmac_hex if settings.algorithm == "hmac-sha256-hex" else hmac_base64
    return digest(settings.secret.encode(), data, "sha256")


def verify(settings: Settings, signature: str, data: bytes) -> None:
    """Raises `BadSignature`."""
    if settings.bank_key is None:
        if not same(signature, sign(settings, data)):
            raise BadSignature("ttttqg: the signature does not hold")
        return
    try:
        verify_base64(settings.bank_key, signature, data)
    except signing_errors.BadSignature:
        raise BadSignature("ttttqg: the signature does not hold") from None


def call(settings: Settings, message: str, fields: Mapping[str, object], *, request_id: str) -> HttpRequest:
    """A signed call of ours; `fields` by our names, at any depth."""
    document = _renamed(settings, {"MaDoiTac": settings.partner_code, **fields})
    assert isinstance(document, dict), "a mapping is renamed into a mapping"
    body = wire.compact_json(document)
    headers = {
        "content-type": "application/json; charset=utf-8",
        REQUEST_ID: request_id,
        SIGNATURE: sign(settings, signed_bytes(settings, message, document, body)),
    }
    url = settings.base_url.rstrip("/") + settings.paths.get(message, PATHS[message])
    return HttpRequest(method="POST", url=url, headers=headers, body=body, timeout_s=settings.timeout_s)


def answered(settings: Settings, message: str, answer: HttpAnswer) -> dict[str, str]:
    """The members of a genuine answer that says yes, by our names.

    Raises `Refused`, `OutcomeUnknown`, `BadSignature`, `Malformed`, `ForeignPartner`.
    """
    wire.usable_status(answer.status)
    fields = opened(settings, f"{message}.answer", answer.headers, answer.body)
    if fields["MaDoiTac"] not in {"", settings.partner_code}:
        raise ForeignPartner("ttttqg: the answer names another MaDoiTac")
    if not fields["MaLoi"]:
        raise Malformed("ttttqg: an answer has no MaLoi")
    if fields["MaLoi"] not in settings.success_codes:
        raise Refused("ttttqg: refused by the bank", code=fields["MaLoi"][:MAX_CODE])
    return fields


def opened(settings: Settings, message: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """The members of a genuine message, by our names; absent ones are empty. Raises `BadSignature`, `Malformed`."""
    document = wire.strict_json_object(body)
    verify(settings, headers.get(SIGNATURE, ""), signed_bytes(settings, message, document, body))
    return {name: wire.printed(document, settings.name(name)) for name in _READ.split("|")}


def receipt(settings: Settings, order: StartOrder) -> dict[str, object]:
    """ThongTinBienLai and DanhSachKhoanNop. Raises `Malformed`, and `Unsupported` for postage without its kind."""
    agency, payer = order.agency, order.payer
    if not (agency.code and agency.name and order.case_code):
        raise Malformed("ttttqg: MaDonVi, TenDonVi and MaHoSo are mandatory for a fee")
    if order.amount_vnd <= 0 or sum(line.amount_vnd for line in order.lines) != order.amount_vnd:
        raise Malformed("ttttqg: the lines do not make up a positive sum")
    name = wire.one_line(order.procedure_name, MAX_NAME)
    told = {
        "MaDichVu": FEE_SERVICE,
        "MaDVC": order.procedure_code + settings.service_suffix,
        "TenDVC": name,
        "MaTTHC": order.procedure_code,
        "TenTTHC": name,
        "MaDonVi": agency.code,
        "TenDonVi": agency.name,
        "MaHoSo": order.case_code,
        "TKThuHuong": agency.account,
        "MaNHThuHuong": agency.bank_bin,
        "TenTKThuHuong": agency.account_name,
        "HoTenNguoiNop": payer.name,
        "SoCMNDNguoiNop": payer.id_number,
        "DiaChiNguoiNop": payer.address,
        "TinhNguoiNop": payer.province,
        "PhiLePhi": [_fee(settings, line) for line in order.lines],
    }
    lines = [{"NoiDung": line.name, "SoTien": settings.sum(line.amount_vnd)} for line in order.lines]
    return {"ThongTinBienLai": told, "DanhSachKhoanNop": lines}


def read_file(settings: Settings, data: bytes) -> tuple[Mapping[str, str], ...]:
    """The rows of a reconciliation file by its columns.

    One row a line, values joined by `|`; the last line is `rows|sum|checksum`, the checksum (hexadecimal) over the
    rows with a line feed between them. Raises `Malformed`, and `Misconfigured` without `columns`.
    """
    columns = _columns(settings)
    try:
        lines = data.decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        raise Malformed("ttttqg: the file is not UTF-8") from None
    *rows, summary = [line.split("|") for line in lines[: MAX_ROWS + 2]]
    if len(rows) > MAX_ROWS or len(summary) != SUMMARY or any(len(row) != len(columns) for row in rows):
        raise Malformed("ttttqg: the file is not rows of its columns and a summary")
    place = columns.index(settings.sum_column)
    total = sum(wire.whole_number(row[place]) for row in rows)
    if summary[:2] != [str(len(rows)), str(total)]:
        raise Malformed("ttttqg: the rows are not those that the summary counts")
    if not same(summary[2], _file_checksum(settings, lines[:-1])):
        raise Malformed("ttttqg: the checksum of the file does not hold")
    return tuple(MappingProxyType(dict(zip(columns, row, strict=True))) for row in rows)


def write_file(settings: Settings, rows: Sequence[Mapping[str, str]]) -> bytes:
    """The file that says how each row was found: the bank's columns, and `result_column`. Raises as `read_file`."""
    columns = (*_columns(settings), settings.result_column)
    for row in rows:
        if set(row) != set(columns) or _BREAKS.search("".join(row.values())):
            raise Malformed("ttttqg: a row has not the columns of the file, or a value that it cannot hold")
    lines = ["|".join(row[column] for column in columns) for row in rows]
    total = sum(wire.whole_number(row[settings.sum_column]) for row in rows)
    return "\n".join([*lines, f"{len(rows)}|{total}|{_file_checksum(settings, lines)}", ""]).encode()


_BREAKS = re.compile(r"[|\r\n]")
_READ: Final = (
    "MaDoiTac|MaLoi|MaHoaDon|MaGiaoDich|MaGiaoDichTTTT|SoThamChieu|SoTien|MaTienTe|TrangThai|ThoiGianGD|ChuoiQR|"
    "SoTaiKhoan|TenTaiKhoan|MaNganHang|UrlBienLai|TenFile|NoiDungFile"
)


def _renamed(settings: Settings, value: object) -> object:
    if isinstance(value, Mapping):
        return {settings.name(name): _renamed(settings, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(settings, inner) for inner in value]
    return value


def _fee(settings: Settings, line: FeeLine) -> dict[str, object]:
    kind = settings.postage_kind if line.kind == "postage" else LINE_KINDS.get(line.kind)
    if kind is None or line.amount_vnd < 0:
        raise Malformed("ttttqg: a line is phi, le_phi or postage, and not negative")
    if not kind:
        raise Unsupported("this provider collects no postage here: postage_kind is not set")
    names = {"LoaiPhiLePhi": kind, "MaPhiLePhi": line.code, "TenPhiLePhi": line.name}
    return {**names, "SoTien": settings.sum(line.amount_vnd)}


def _columns(settings: Settings) -> tuple[str, ...]:
    if not settings.columns:
        raise Misconfigured("ttttqg: columns are not set, so no reconciliation file can be read")
    return tuple(settings.columns.split("|"))


def _are_columns(columns: Sequence[str], sum_column: str) -> bool:
    return len(columns) == len(set(columns)) == COLUMNS and all(columns) and sum_column in columns


def _file_checksum(settings: Settings, lines: Sequence[str]) -> str:
    return hashlib.new(settings.file_checksum, "\n".join(lines).encode(), usedforsecurity=False).hexdigest()
