"""The world file: JSON, read once, every value checked.

The section of a server has the fields of its settings dataclass: their types and names say what is checked. An
unknown name is refused, so that a misspelt setting is not silently the default. `docs/sandbox.md` shows the whole file.
"""

import json
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

from sandbox.bank import Account
from sandbox.bidv import BidvSettings
from sandbox.csc import CscSettings
from sandbox.dvcqg import DvcqgSettings
from sandbox.errors import WorldMisconfigured
from sandbox.keypay import KeypaySettings
from sandbox.misa_receipts import MisaReceiptsSettings
from sandbox.paygov import PaygovSettings
from sandbox.portal import PortalSettings
from sandbox.portal_sync import PortalSyncSettings
from sandbox.post import PostSettings
from sandbox.state import MEMORY
from sandbox.transfers import TransfersSettings
from sandbox.ttttqg_wire import TtttqgSettings
from sandbox.vietinbank import VietinbankSettings
from sandbox.viettel_receipts import ViettelReceiptsSettings
from sandbox.viettelpay import ViettelpaySettings
from sandbox.vnpay import VnpaySettings
from sandbox.vnpt_receipts import VnptReceiptsSettings

MAX_PORT = 65535
MAX_SECONDS = 86_400.0
MAX_NUMBER = 9999
BIN_LENGTH = 6
MAX_ACCOUNT = 19
MAX_ACCOUNTS = 50
MAX_ROWS = 20
MAX_VND = 1_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """The whole file. A server that is absent from it is None and is not started; the bank is always there.

    Without `state_dir` (":memory:" in the file) the world remembers nothing once it has ended.
    """

    gateway_url: str
    seed: int
    state_dir: Path | None
    bank_port: int
    accounts: tuple[Account, ...]
    vnpay: VnpaySettings | None = None
    dvcqg: DvcqgSettings | None = None
    post: PostSettings | None = None
    portal: PortalSettings | None = None
    transfers: TransfersSettings | None = None
    viettelpay: ViettelpaySettings | None = None
    paygov: PaygovSettings | None = None
    keypay: KeypaySettings | None = None
    vietinbank: VietinbankSettings | None = None
    bidv: BidvSettings | None = None
    ttttqg: TtttqgSettings | None = None
    vnpt_receipts: VnptReceiptsSettings | None = None
    viettel_receipts: ViettelReceiptsSettings | None = None
    misa_receipts: MisaReceiptsSettings | None = None
    dvcqg_sync: PortalSyncSettings | None = None
    csc: CscSettings | None = None


SERVERS: Mapping[str, type] = {
    "vnpay": VnpaySettings,
    "dvcqg": DvcqgSettings,
    "post": PostSettings,
    "portal": PortalSettings,
    "transfers": TransfersSettings,
    "viettelpay": ViettelpaySettings,
    "paygov": PaygovSettings,
    "keypay": KeypaySettings,
    "vietinbank": VietinbankSettings,
    "bidv": BidvSettings,
    "ttttqg": TtttqgSettings,
}
RECEIPT_SERVERS: Mapping[str, type] = {
    "vnpt_receipts": VnptReceiptsSettings,
    "viettel_receipts": ViettelReceiptsSettings,
    "misa_receipts": MisaReceiptsSettings,
}
"""Providers of legal receipts: no money, no callbacks."""
CASE_SERVERS: Mapping[str, type] = {"dvcqg_sync": PortalSyncSettings}
"""Who is told of cases."""
SIGNING_SERVERS: Mapping[str, type] = {"csc": CscSettings}
"""A remote signing service: it is called, and calls nobody."""


class _Section:
    """One JSON object, read name by name; `done` refuses what was not read."""

    def __init__(self, name: str, values: object) -> None:
        if not isinstance(values, dict):
            raise WorldMisconfigured(f"{name or 'the world'} must be a JSON object")
        self._name = name
        self._values: Mapping[str, object] = values
        self._read: set[str] = set()

    def _label(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def fail(self, key: str, wanted: str) -> WorldMisconfigured:
        return WorldMisconfigured(f"{self._label(key)} must be {wanted}")

    def has(self, key: str) -> bool:
        return key in self._values

    def get(self, key: str) -> object:
        self._read.add(key)
        return self._values.get(key)

    def text(self, key: str) -> str:
        value = self.get(key)
        if not isinstance(value, str) or not value:
            raise self.fail(key, "a text that is not empty")
        return value

    def url(self, key: str) -> str:
        value = self.text(key)
        if not value.startswith(("http://", "https://")):
            raise self.fail(key, "an http or https address")
        return value

    def whole(self, key: str, *, least: int, most: int, default: int | None = None) -> int:
        value = self.get(key)
        value = default if value is None else value
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.fail(key, f"a whole number from {least} to {most}")
        return value

    def port(self) -> int:
        """0 asks for a free one."""
        return self.whole("port", least=0, most=MAX_PORT)

    def one_of(self, key: str, words: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in words:
            raise self.fail(key, " or ".join(words))
        return value

    def rows(self, key: str, kind: type) -> tuple[Any, ...]:
        """A list of objects, each with the fields of `kind`."""
        value = self.get(key)
        if not isinstance(value, list) or not 0 < len(value) <= MAX_ROWS:
            raise self.fail(key, f"a list of 1 to {MAX_ROWS} objects")
        return tuple(
            _Section(f"{self._label(key)}[{index}]", row).all(kind) for index, row in enumerate(value)
        )

    def seconds(self, key: str) -> float:
        value = self.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= MAX_SECONDS:
            raise self.fail(key, f"seconds, above 0 and up to {MAX_SECONDS:.0f}")
        return float(value)

    def all(self, kind: type, defaults: Mapping[str, object] | None = None) -> Any:
        """The dataclass `kind` of what stands here. `defaults` stand for fields that the dataclass asks for."""
        values = dict(defaults or {})
        hints = typing.get_type_hints(kind)
        for field in fields(kind):
            needed = field.default is MISSING and field.name not in values
            if needed or self._values.get(field.name) is not None:
                values[field.name] = self._value(field.name, hints[field.name])
            self._read.add(field.name)
        self.done()
        return kind(**values)

    def _value(self, key: str, hint: Any) -> object:
        words = typing.get_args(hint)
        if typing.get_origin(hint) is Literal:
            return self.one_of(key, words)
        if words and is_dataclass(words[0]):
            return self.rows(key, typing.cast("type", words[0]))
        if hint is int:
            return self.port() if key == "port" else self.whole(key, least=-MAX_NUMBER, most=MAX_NUMBER)
        if hint is float:
            return self.seconds(key)
        assert hint is str or words == (str, type(None)), f"{key} is of a type that no file holds"
        return self.url(key) if key == "url" or key.endswith("_url") else self.text(key)

    def done(self) -> None:
        unknown = sorted(set(self._values) - self._read)
        if unknown:
            raise WorldMisconfigured(f"{self._label(unknown[0])} is not a setting")


def load_world(path: Path) -> WorldSettings:
    """Read and check `path`. Raises `WorldMisconfigured` with the name of the first wrong setting."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WorldMisconfigured(f"the world file {path.name} cannot be read") from error
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WorldMisconfigured(f"the world file {path.name} is not JSON") from error
    return read_world(values)


def read_world(values: object) -> WorldSettings:
    """A decoded world file, checked. Raises `WorldMisconfigured`."""
    root = _Section("", values)
    gateway_url = root.url("gateway_url").rstrip("/")
    state_dir = root.text("state_dir")
    if not root.has("bank"):
        raise root.fail("bank", "given: the other servers settle to it")
    bank = _Section("bank", root.get("bank"))
    defaults = {"dvcqg": {"return_url": f"{gateway_url}/return/dvcqg"}}
    servers = {
        name: _Section(name, root.get(name)).all(kind, defaults.get(name))
        for name, kind in {**SERVERS, **RECEIPT_SERVERS, **CASE_SERVERS, **SIGNING_SERVERS}.items()
        if root.has(name)
    }
    settings = WorldSettings(
        gateway_url=gateway_url,
        seed=root.whole("seed", least=0, most=2**31, default=0),
        state_dir=None if state_dir == MEMORY else Path(state_dir),
        bank_port=bank.port(),
        accounts=_accounts(bank),
        **servers,
    )
    for section in (root, bank):
        section.done()
    return settings


def _accounts(section: _Section) -> tuple[Account, ...]:
    rows = section.get("accounts")
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_ACCOUNTS:
        raise section.fail("accounts", f"a list of 1 to {MAX_ACCOUNTS} accounts")
    accounts = tuple(_account(f"bank.accounts[{index}]", row) for index, row in enumerate(rows))
    if len({account.number for account in accounts}) != len(accounts):
        raise section.fail("accounts", "accounts with different numbers")
    return accounts


def _account(name: str, values: object) -> Account:
    row = _Section(name, values)
    bank_bin, number = row.text("bin"), row.text("number")
    if len(bank_bin) != BIN_LENGTH or not bank_bin.isascii() or not bank_bin.isdigit():
        raise row.fail("bin", f"{BIN_LENGTH} digits")
    if len(number) > MAX_ACCOUNT or not number.isascii() or not number.isalnum():
        raise row.fail("number", f"at most {MAX_ACCOUNT} letters and digits")
    opening = row.whole("opening_vnd", least=-MAX_VND, most=MAX_VND, default=0)
    account = Account(bin=bank_bin, number=number, name=row.text("name"), opening_vnd=opening)
    row.done()
    return account
