"""The world file: JSON, read once, every value checked.

An unknown name is refused, so that a misspelt setting is not silently the default. `docs/sandbox.md` shows the
whole file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.bank import Account
from sandbox.dvcqg import DvcqgSettings
from sandbox.errors import WorldMisconfigured
from sandbox.portal import SECRET_PREFIX, PortalSettings
from sandbox.post import PostSettings
from sandbox.vnpay import VnpaySettings

SERVERS = ("vnpay", "dvcqg", "post", "bank", "portal")
MAX_PORT = 65535
MAX_SECONDS = 86_400.0
BIN_LENGTH = 6
MAX_ACCOUNT = 19
MAX_ACCOUNTS = 50
MAX_VND = 1_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """The whole file. A server that is absent from it is None and is not started; the bank is always there."""

    gateway_url: str
    seed: int
    state_dir: Path
    bank_port: int
    accounts: tuple[Account, ...]
    vnpay: VnpaySettings | None
    dvcqg: DvcqgSettings | None
    post: PostSettings | None
    portal: PortalSettings | None


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

    def text(self, key: str, default: str | None = None) -> str:
        value = self.get(key)
        value = default if value is None else value
        if not isinstance(value, str) or not value:
            raise self.fail(key, "a text that is not empty")
        return value

    def url(self, key: str, default: str | None = None) -> str:
        value = self.text(key, default)
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

    def seconds(self, key: str, default: float) -> float:
        value = self.get(key)
        value = default if value is None else value
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= MAX_SECONDS:
            raise self.fail(key, f"seconds, above 0 and up to {MAX_SECONDS:.0f}")
        return float(value)

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
    sections = {name: _Section(name, root.get(name)) for name in SERVERS if root.has(name)}
    if "bank" not in sections:
        raise root.fail("bank", "given: the other servers settle to it")
    settings = WorldSettings(
        gateway_url=gateway_url,
        seed=root.whole("seed", least=0, most=2**31, default=0),
        state_dir=Path(root.text("state_dir")),
        bank_port=sections["bank"].port(),
        accounts=_accounts(sections["bank"]),
        vnpay=_vnpay(sections["vnpay"]) if "vnpay" in sections else None,
        dvcqg=_dvcqg(sections["dvcqg"], gateway_url) if "dvcqg" in sections else None,
        post=_post(sections["post"]) if "post" in sections else None,
        portal=_portal(sections["portal"]) if "portal" in sections else None,
    )
    for section in (root, *sections.values()):
        section.done()
    return settings


def _vnpay(section: _Section) -> VnpaySettings:
    return VnpaySettings(
        port=section.port(),
        tmn_code=section.text("tmn_code"),
        secret=section.text("secret"),
        ipn_url=section.url("ipn_url"),
        account=section.text("account", "-"),
        ipn_interval_s=section.seconds("ipn_interval_s", 1.0),
        slow_s=section.seconds("slow_s", 12.0),
    )


def _dvcqg(section: _Section, gateway_url: str) -> DvcqgSettings:
    shape = section.text("answer_shape", "direct")
    if shape not in {"direct", "wrapped"}:
        raise section.fail("answer_shape", "direct or wrapped")
    return DvcqgSettings(
        port=section.port(),
        partner_code=section.text("partner_code"),
        secret=section.text("secret"),
        confirm_url=section.url("confirm_url"),
        return_url=section.url("return_url", f"{gateway_url}/return/dvcqg"),
        answer_shape=shape,
        confirm_interval_s=section.seconds("confirm_interval_s", 1.0),
        slow_s=section.seconds("slow_s", 12.0),
    )


def _post(section: _Section) -> PostSettings:
    def status(name: str, default: int) -> int:
        return section.whole(name, least=-9999, most=9999, default=default)

    return PostSettings(
        port=section.port(),
        consumer_key=section.text("consumer_key"),
        consumer_secret=section.text("consumer_secret"),
        customer_code=section.text("customer_code"),
        step_s=section.seconds("step_s", 0.3),
        token_ttl_s=section.seconds("token_ttl_s", 3600.0),
        status_accepted=status("status_accepted", 100),
        status_exists=status("status_exists", 101),
        status_refused=status("status_refused", 102),
    )


def _portal(section: _Section) -> PortalSettings:
    secret = section.text("webhook_secret") if section.has("webhook_secret") else None
    if secret is not None and not secret.startswith(SECRET_PREFIX):
        raise section.fail("webhook_secret", f"a secret that starts with {SECRET_PREFIX}")
    return PortalSettings(
        port=section.port(),
        key_id=section.text("key_id"),
        private_key_file=section.text("private_key_file"),
        webhook_secret=secret,
    )


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
