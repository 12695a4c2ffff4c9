"""The national portal, made from settings."""

from pathlib import Path

import pytest

from gateway import partners
from gateway.config import Settings
from gateway.domain.errors import Misconfigured
from gateway.http import Door
from gateway.ports import CasePortal

GIVEN: dict[str, object] = {
    "auth_url": "https://portal.example/auth",
    "adapter_url": "https://portal.example/adapter",
    "destination": "VN:GOV:000.00.00.G22:vpcpdvcprovider",
    "unit_code": "000.00.00.H28",
    "username": "hoabinh",
    "password": "mat khau",
    "units": {"H28.12": "000.00.12.H28"},
    "refusals": ["200", "500"],
}


class Nothing:
    """A journal in which nothing is written: nothing is called."""


def made(tmp_path: Path, given: dict[str, object] | None) -> CasePortal | None:
    settings = Settings(var_dir=tmp_path, case_portal=given)
    assert "mat khau" not in repr(settings)
    return partners.case_portal(settings, Door(Nothing(), allow_private=True))  # type: ignore[arg-type]


def test_the_portal_is_made_from_its_settings_and_only_where_it_has_some(tmp_path: Path) -> None:
    portal = made(tmp_path, GIVEN)
    assert portal is not None
    assert "dvcqg_sync" == portal.name
    assert "mat khau" not in repr(portal)
    assert made(tmp_path, None) is None


@pytest.mark.parametrize(
    ("change", "word"),
    [({"more": 1}, "more"), ({"units": "mat khau"}, "units"), ({"unit_code": None}, "unit_code")],
)
def test_what_is_wrong_is_said_without_a_value(tmp_path: Path, change: dict[str, object], word: str) -> None:
    with pytest.raises(Misconfigured, match=rf"^GATEWAY_CASE_PORTAL: .*{word}") as refused:
        made(tmp_path, {**GIVEN, **change})
    assert "mat khau" not in str(refused.value)


def test_a_setting_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="password"):
        made(tmp_path, {name: value for name, value in GIVEN.items() if name != "password"})
