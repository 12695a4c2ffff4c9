"""Bodies as JSON that every reader understands alike (RFC 8259 in UTF-8), or not at all."""

import json
from typing import Any, NoReturn

from flask import Request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import BadRequest

from gateway.domain.errors import Malformed


def loads(text: str | bytes) -> Any:
    """The value. Two readings are refused: a name given twice, NaN, half of a surrogate pair.

    Raises `ValueError`, also for nesting made to exhaust the reader.
    """
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(text, object_pairs_hook=_each_once, parse_constant=_refuse)
        if "\\u" in text:  # only an escape can smuggle half a pair into valid UTF-8
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


class StrictJson(DefaultJSONProvider):
    """Flask's JSON, strict on the way in."""

    ensure_ascii = False
    sort_keys = False

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        """Raises `ValueError`."""
        return loads(s)


class StrictRequest(Request):
    """A request whose body, where it is asked for as JSON, is strict JSON."""

    def get_json(self, *args: Any, **named: Any) -> Any:
        """Raises `Malformed` for null, which its readers would take for an object that says nothing."""
        value = super().get_json(*args, **named)
        if value is None:
            raise Malformed("the body is a JSON object, and null is none")
        return value

    def on_json_loading_failed(self, _error: ValueError | None) -> NoReturn:
        """Raises `BadRequest`."""
        raise BadRequest("the body is JSON in UTF-8, with each name once and neither NaN nor half characters")


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name is given twice")
    return fields


def _refuse(_: str) -> NoReturn:
    raise ValueError("not a number of JSON")
