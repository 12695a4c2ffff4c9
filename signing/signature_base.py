"""Reading `Signature-Input` and `Signature`, and building what is signed: RFC 9421 sections 2, 4.1 and 4.2.

Component values come from the library `http-message-signatures` where they are not plain (`plain_components`), fields
are read with `http_sf`. The library's own verifier does not fit: it fixes one algorithm before it knows the key, reads
the clock, and wants every signature of a message to be by a key of ours, which a proxy that signs too would break.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Final

import http_sf
from http_message_signatures import HTTPMessageSignaturesException, HTTPSignatureComponentResolver
from http_sf.item import ser_item
from http_sf.types import BareItemType

from signing.errors import Malformed
from signing.plain_components import claim_of, of_request, of_response

Parameters = dict[str, int | str]

MAX_HEADER_CHARS: Final = 8192
MAX_SIGNATURES: Final = 4
MAX_COMPONENTS: Final = 32
_PARAMETERS: Final[dict[str, type]] = {
    "created": int,
    "expires": int,
    "nonce": str,
    "alg": str,
    "keyid": str,
    "tag": str,
}
_PLAIN_NAME: Final = re.compile(r"@?[a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is signed: `url` is the absolute target URI, header names in any case."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """A response as it is signed, with the request that it answers where that is covered too."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    answering: Request | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """A covered component; `identifier` is its serialized form, for example `"@method";req`.

    `value` and `params` are named as the library's resolver reads them.
    """

    value: str
    params: Mapping[str, BareItemType]
    identifier: str

    @classmethod
    def of(cls, name: str, parameters: Mapping[str, BareItemType] | None = None) -> "Component":
        """Raises ValueError for a name or parameter that has no serialized form."""
        if not parameters and _PLAIN_NAME.fullmatch(name):
            return cls(name, {}, f'"{name}"')
        given = dict(parameters or {})
        return cls(name, given, ser_item((name, given)))


@dataclass(frozen=True, slots=True)
class Claim:
    """One signature of a message before it is checked."""

    label: str
    components: tuple[Component, ...]
    parameters: Parameters
    signature: bytes = field(repr=False)

    def text(self, name: str) -> str:
        """The text parameter `name`. Raises `Malformed` when it is absent or no text."""
        value = self.parameters.get(name)
        if not isinstance(value, str):
            raise Malformed(f"The signature has no {name}, or it is no text")
        return value

    def seconds(self, name: str) -> int:
        """The integer parameter `name`. Raises `Malformed` when it is absent or no integer."""
        value = self.parameters.get(name)
        if not isinstance(value, int):
            raise Malformed(f"The signature has no {name}, or it is no whole number")
        return value


def lower_fields(headers: Mapping[str, str]) -> dict[str, str]:
    """`headers` under lower-case names; fields that differ in case only are joined, as several lines are."""
    fields: dict[str, str] = {}
    for key, value in headers.items():
        name = key.lower()
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def read_claims(fields: Mapping[str, str]) -> list[Claim]:
    """Every signature of a message, one to four; field names are in lower case. Raises `Malformed`."""
    plain = claim_of(_text(fields, "signature-input"), _text(fields, "signature"))
    if plain is not None and len(plain.names) <= MAX_COMPONENTS and "@signature-params" not in plain.names:
        components = tuple(map(Component.of, plain.names))
        return [Claim(plain.label, components, _parameters(plain.parameters), plain.signature)]
    inputs, signatures = _dictionary(fields, "signature-input"), _dictionary(fields, "signature")
    if not inputs or inputs.keys() != signatures.keys():
        raise Malformed("Signature-Input and Signature do not name the same signatures")
    if len(inputs) > MAX_SIGNATURES:
        raise Malformed("There are too many signatures")
    return [_claim(label, member, signatures[label]) for label, member in inputs.items()]


def base_of(message: Request | Response, components: tuple[Component, ...], parameters: Parameters) -> bytes:
    """The bytes that are signed; `message.headers` has lower-case names.

    Raises `Malformed` for a component that the message does not have.
    """
    if (
        isinstance(message, Response)
        and message.answering is None
        and any("req" in c.params for c in components)
    ):
        raise Malformed("The response is bound to a request that is not given")
    try:
        lines = [f"{c.identifier}: {_checked(value)}" for c, value in _values(message, components)]
        params = signature_params(components, parameters)
        return "\n".join([*lines, f'"@signature-params": {params}']).encode("ascii")
    except (HTTPMessageSignaturesException, ValueError, TypeError) as error:
        # TypeError: a derived component with a parameter that it does not know
        raise Malformed("A covered component cannot be read from the message") from error


def signature_params(components: tuple[Component, ...], parameters: Parameters) -> str:
    """The covered components and parameters, as they stand in `Signature-Input`.

    Written here because `http_sf` looks at every letter in Python, which was a third of a whole verification.
    """
    names = " ".join(component.identifier for component in components)
    return f"({names})" + "".join(f";{name}={_bare(value)}" for name, value in parameters.items())


def _bare(value: int | str) -> str:
    if isinstance(value, int):
        return str(value)
    if not (value.isascii() and value.isprintable()):
        raise Malformed("A parameter of a signature is printable ASCII")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _view(message: Request | Response, fields: Mapping[str, str]) -> SimpleNamespace:
    """The message as the library's resolver wants to see it."""
    if isinstance(message, Request):
        return SimpleNamespace(method=message.method, url=message.url, headers=fields)
    asked = message.answering
    request = _view(asked, lower_fields(asked.headers)) if asked else None
    return SimpleNamespace(status_code=message.status, headers=fields, request=request)


def _values(
    message: Request | Response, components: tuple[Component, ...]
) -> Iterator[tuple[Component, object]]:
    resolver: HTTPSignatureComponentResolver | None = None
    for component in components:
        value: object = _plain(message, component)
        if value is None:
            # only what is covered: the resolver looks at every header that it is given
            resolver = resolver or _resolver(message, components)
            value = resolver.resolve(component)  # type: ignore[arg-type]  # `value` and `params` are all that it reads
        yield component, value


def _plain(message: Request | Response, component: Component) -> str | None:
    if isinstance(message, Request):
        is_asked = "req" in component.params
        return None if is_asked else of_request(message.method, message.url, message.headers, component)
    asked = message.answering
    if asked is not None and component.params.get("req") is True:
        headers = {} if component.value.startswith("@") else lower_fields(asked.headers)
        return of_request(asked.method, asked.url, headers, component)
    return of_response(message.status, message.headers, component)


def _resolver(
    message: Request | Response, components: tuple[Component, ...]
) -> HTTPSignatureComponentResolver:
    fields = {c.value: message.headers[c.value] for c in components if c.value in message.headers}
    return HTTPSignatureComponentResolver(_view(message, fields))  # type: ignore[no-untyped-call]


def _checked(value: object) -> str:
    # A line break would let one field pose as several lines of the base (RFC 9421 section 2.5).
    if not isinstance(value, str) or not value.replace("\t", " ").isprintable():
        raise Malformed("A covered component holds control characters")
    return value


def _text(fields: Mapping[str, str], name: str) -> str:
    text = fields.get(name)
    if text is None or len(text) > MAX_HEADER_CHARS:
        raise Malformed(f"{name} is absent or too long")
    return text


def _dictionary(fields: Mapping[str, str], name: str) -> dict[str, object]:
    text = _text(fields, name)
    try:
        members = http_sf.parse(text.encode("ascii"), tltype="dictionary", on_duplicate_key=_refuse_twice)
    except ValueError as error:
        raise Malformed(f"{name} is not a dictionary of structured fields") from error
    assert isinstance(members, dict)
    return dict(members)


def _claim(label: str, member: object, signature: object) -> Claim:
    if not (isinstance(member, tuple) and isinstance(member[0], list)):
        raise Malformed("A member of Signature-Input is an inner list")
    value = signature[0] if isinstance(signature, tuple) else signature
    if not isinstance(value, bytes):
        raise Malformed("A member of Signature is a byte sequence")
    if len(member[0]) > MAX_COMPONENTS:
        raise Malformed("A signature covers too much")
    components = tuple(_component(item) for item in member[0])
    # Identity ignores the order of parameters (RFC 9421 section 2).
    if len({(c.value, frozenset(c.params.items())) for c in components}) != len(components):
        raise Malformed("A signature covers a component twice")
    return Claim(label=label, components=components, parameters=_parameters(member[1]), signature=value)


def _parameters(given: Mapping[str, object]) -> Parameters:
    parameters: Parameters = {}
    for name, value in given.items():
        # `type` and not `isinstance`: a Boolean is no integer here
        if type(value) is not _PARAMETERS.get(name) or not isinstance(value, int | str):
            raise Malformed("A signature has a parameter that is not registered, or of another type")
        parameters[name] = value
    return parameters


def _component(item: object) -> Component:
    name, parameters = item if isinstance(item, tuple) else (item, {})
    if not isinstance(name, str) or name != name.lower() or name == "@signature-params":
        raise Malformed("A component name is a text in lower case")
    return Component.of(name, parameters)


def _refuse_twice(_name: str, context: str) -> None:
    raise Malformed(f"A signature field repeats a key in a {context}")
