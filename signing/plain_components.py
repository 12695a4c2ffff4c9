"""The one signature, and the values of the components, that nearly every message has, read without the libraries.

A third of the time of a signature went into readers of every component and field there could be (RFC 9421 section 2,
RFC 8941). What stands here is what they say too (property tests hold them together), or nothing: then they are asked.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

_URL: Final = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?/[A-Za-z0-9._~!$&'()*+,;=:@/-]*")
"""A target in the only spelling it has: a path, no query, nothing escaped."""
_METHOD: Final = re.compile(r"[A-Z]+")
_ONE_MEMBER: Final = re.compile(r"([a-z][a-z0-9_.-]*)=:([A-Za-z0-9+/]*={0,2}):")

_INPUT: Final = re.compile(
    r'([a-z][a-z0-9_.-]*)=\(("@?[a-z0-9-]+"(?: "@?[a-z0-9-]+")*)\)'
    r'((?:;[a-z]+=(?:[1-9][0-9]{0,14}|"[ !#-\[\]-~]*"))*)'
)
"""One signature of components without parameters; its own are numbers and texts without an escape."""
_PARAMETER: Final = re.compile(r';([a-z]+)=(?:([0-9]+)|"([^"]*)")')


@dataclass(frozen=True, slots=True)
class PlainClaim:
    """The one signature of a message: the names of what it covers, its parameters in their order."""

    label: str
    names: tuple[str, ...]
    parameters: dict[str, int | str]
    signature: bytes = field(repr=False)


def claim_of(signature_input: str, signature: str) -> PlainClaim | None:
    """The signature that the two fields tell of; None where the library is to be asked."""
    told, value = _INPUT.fullmatch(signature_input), _ONE_MEMBER.fullmatch(signature)
    content = None if value is None else _decoded(value[2])
    if told is None or value is None or content is None or told[1] != value[1]:
        return None
    names = tuple(name[1:-1] for name in told[2].split(" "))
    given = _PARAMETER.findall(told[3])
    parameters = {name: int(number) if number else text for name, number, text in given}
    is_each_once = len(set(names)) == len(names) and len(parameters) == len(given)
    return PlainClaim(told[1], names, parameters, content) if is_each_once else None


class Named(Protocol):
    """A component, as the library's resolver reads it."""

    @property
    def value(self) -> str: ...
    @property
    def params(self) -> Mapping[str, object]: ...


def of_request(method: str, url: str, headers: Mapping[str, str], component: Named) -> str | None:
    """The value of a component of a request; None where the library is to be asked."""
    if not (_METHOD.fullmatch(method) and _URL.fullmatch(url)):
        return None
    if component.value in {"@method", "@target-uri"}:
        value = method if component.value == "@method" else url
        return value if _asks_for(component, ()) else None
    return _of_field(headers, component)


def of_response(status: int, headers: Mapping[str, str], component: Named) -> str | None:
    """As `of_request`, of a response's own components."""
    if "req" in component.params:
        return None
    if component.value == "@status":
        return str(status) if _asks_for(component, ()) else None
    return _of_field(headers, component)


def _of_field(headers: Mapping[str, str], component: Named) -> str | None:
    value = headers.get(component.value)
    if value is None or value != value.strip() or component.value == "set-cookie":
        return None
    if _asks_for(component, ()):
        return value
    return _member(value, component.params["key"]) if _asks_for(component, ("key",)) else None


def _asks_for(component: Named, names: tuple[str, ...]) -> bool:
    """Whether it has these parameters and no other; `req` is what brought it here."""
    return tuple(name for name in component.params if name != "req") == names


def _member(value: str, key: object) -> str | None:
    """The member of a dictionary that has just this one, which is a byte sequence in its only spelling."""
    found = _ONE_MEMBER.fullmatch(value)
    if found is None or found[1] != key or _decoded(found[2]) is None:
        return None
    return f":{found[2]}:"


def _decoded(text: str) -> bytes | None:
    """What is written in Base64; None where that is not its only spelling."""
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return content if base64.b64encode(content).decode("ascii") == text else None
