"""In live mode no call goes to an address that is not public, in whatever clothes it comes."""

import socket

import pytest

from gateway.domain.errors import Unreachable
from gateway.http import public_addresses, refuse_private

PUBLIC = "203.162.0.1"


def resolves_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name have these addresses; returns what was asked for."""
    asked: list[str] = []

    def found(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        family = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in addresses]
        return [
            (kind, socket.SOCK_STREAM, 6, "", (each, port))
            for kind, each in zip(family, addresses, strict=True)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return asked


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12:3456::1",
        "ff0e::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
    ],
)
def test_a_name_that_has_an_address_of_our_own_side_is_not_called(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    resolves_to(monkeypatch, address)
    with pytest.raises(Unreachable, match="private"):
        refuse_private("https://portal.example/hook")


@pytest.mark.parametrize("order", [(PUBLIC, "10.0.0.1"), ("10.0.0.1", PUBLIC)])
def test_one_private_address_among_public_ones_is_enough(
    monkeypatch: pytest.MonkeyPatch, order: tuple[str, str]
) -> None:
    resolves_to(monkeypatch, *order)
    with pytest.raises(Unreachable, match="private"):
        refuse_private("https://portal.example/hook")


@pytest.mark.parametrize(
    "url",
    [
        "http://portal.example/",
        "ftp://portal.example/",
        "//portal.example/",
        "https:///hook",
        "https://",
        "https://[::1/",
        "https://portal.example:99999/",
        "",
    ],
)
def test_only_https_addresses_are_called(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    asked = resolves_to(monkeypatch, PUBLIC)
    with pytest.raises(Unreachable):
        refuse_private(url)
    assert [] == asked


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "127.1"]
)
def test_an_address_in_the_place_of_the_name_is_judged_as_well(host: str) -> None:
    with pytest.raises(Unreachable):
        refuse_private(f"https://{host}/")


def test_public_addresses_are_given_once_each_in_the_order_found(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch, "2402:800::1", PUBLIC, PUBLIC)
    assert ("2402:800::1", PUBLIC) == public_addresses("https://portal.example/hook")


def test_a_name_that_is_not_known_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match="not known"):
        refuse_private("https://portal.example/")
