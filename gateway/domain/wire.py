"""What the wires of our providers have in common: local time stamps, whole sums, plain text, strict JSON.

Pure. Whatever the input, nothing leaves these functions but `Malformed`, `Refused` and `OutcomeUnknown`.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, NoReturn
from urllib.parse import quote_plus, unquote_to_bytes, urlsplit

from gateway.domain.errors import Malformed, OutcomeUnknown, Refused

# Vietnam has kept +07:00 without summer time since 1975: a fixed offset needs no zone database.
VIETNAM: Final = timezone(timedelta(hours=7), "+07:00")

MAX_JSON_BYTES: Final = 5_000_000
MAX_QUERY_BYTES: Final = 16_384
MAX_SUM_DIGITS: Final = 15
MAX_URL: Final = 2048

_STAMP = re.compile(r"[0-9]{14}")
_DIGITS = re.compile(rf"[0-9]{{1,{MAX_SUM_DIGITS}}}")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 .:_-]+")
_PARAMETER = re.compile(rb"[A-Za-z0-9_]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def local_stamp(moment: datetime) -> str:
    """`moment` as `yyyyMMddHHmmss` in +07:00, 24-hour. Raises `Malformed` for a time without zone."""
    if moment.utcoffset() is None:
        raise Malformed("a time without a zone cannot be written on a wire")
    try:
        local = moment.astimezone(VIETNAM)
    except OverflowError:
        raise Malformed("a time lies outside the calendar") from None
    return f"{local.year:04d}{local:%m%d%H%M%S}"


def parse_local_stamp(text: str) -> datetime:
    """The moment (in UTC) that `yyyyMMddHHmmss` names in +07:00. Raises `Malformed`."""
    if not _STAMP.fullmatch(text):
        raise Malformed("a time is not of the form yyyyMMddHHmmss")
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=VIETNAM).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed("a time does not exist in the calendar") from None


def readable_stamp(text: str) -> datetime | None:
    """As `parse_local_stamp`, but None where the text names no time.

    For the moment of a payment that is otherwise proved: a provider that writes its clock badly must not cost
    the citizen the fact of having paid.
    """
    try:
        return parse_local_stamp(text)
    except Malformed:
        return None


def ascii_fold(text: str) -> str:
    """`text` without accents (đ becomes d) and without anything that is not ASCII."""
    bare = text.replace("đ", "d").replace("Đ", "D")
    return unicodedata.normalize("NFKD", bare).encode("ascii", "ignore").decode("ascii")


def plain_memo(text: str, limit: int) -> str:
    """`text` reduced to `[A-Za-z0-9 .:_-]`, blanks collapsed, at most `limit` characters.

    These are the characters that every form encoder in use writes alike (`specs/payments.md` section 4), and
    that a bank's memo field keeps.
    """
    return " ".join(_NOT_PLAIN.sub(" ", ascii_fold(text)).split())[:limit].rstrip()


def one_line(text: str, limit: int, *, without: str = "") -> str:
    """`text` in NFC on one line, without control characters and those of `without`, at most `limit` long."""
    kept = unicodedata.normalize("NFC", text).encode("utf-8", "ignore").decode("utf-8")
    for character in without:
        kept = kept.replace(character, " ")
    return " ".join(_CONTROL.sub(" ", kept).split())[:limit].rstrip()


def whole_number(text: str) -> int:
    """`text` as a whole number: 1 to 15 ASCII digits and nothing else. Raises `Malformed`."""
    if not _DIGITS.fullmatch(text):
        raise Malformed("a sum is not a whole number")
    return int(text)


def form_encode(value: str) -> str:
    """As the URL standard's form encoder does: a blank is `+`, `*` stays, `~` does not."""
    return quote_plus(value, safe="*", errors="replace").replace("~", "%7E")


def form_decode(value: bytes) -> str:
    """The text of a form-encoded value. Raises `Malformed` when it is not UTF-8."""
    try:
        return unquote_to_bytes(value.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("a value is not UTF-8") from None


def raw_query_pairs(query: bytes) -> dict[str, bytes]:
    """The pairs of a raw query string in their order, values untouched: what a signature was made over.

    Raises `Malformed` when a name is given twice (which would be the true one?), is written with an escape,
    or has no `=`.
    """
    if len(query) > MAX_QUERY_BYTES:
        raise Malformed(f"a query is longer than {MAX_QUERY_BYTES} bytes")
    pairs: dict[str, bytes] = {}
    for segment in query.split(b"&"):
        name, equals, value = segment.partition(b"=")
        if not equals or not _PARAMETER.fullmatch(name) or name.decode("ascii") in pairs:
            raise Malformed("a query is not a list of named values, each given once")
        pairs[name.decode("ascii")] = value
    return pairs


def strict_json_object(data: bytes) -> dict[str, object]:
    """`data` as one JSON object (RFC 8259, UTF-8). Raises `Malformed` for everything else.

    Refused too, because two readers may understand them differently: a name given twice, NaN and Infinity,
    minus zero, half of a surrogate pair; and nesting or numbers made to exhaust the reader.
    """
    if len(data) > MAX_JSON_BYTES:
        raise Malformed(f"a JSON document is longer than {MAX_JSON_BYTES} bytes")
    try:
        text = data.decode("utf-8")
        value: object = json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant, parse_int=_whole
        )
        if "\\u" in text:  # only an escape can smuggle half a pair into valid UTF-8
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise Malformed("not a JSON document that can be read in one way only") from None
    if not isinstance(value, dict):
        raise Malformed("a JSON document is not an object")
    return value


def compact_json(message: Mapping[str, object]) -> bytes:
    """`message` as JSON in UTF-8 without blanks, members in their own order."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def is_web_address(url: str, *, plain: bool) -> bool:
    """Whether a browser may be sent to `url`: absolute https; http only when `plain` (a test world)."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and parts.scheme in ({"https", "http"} if plain else {"https"})


def printed(fields: Mapping[str, object], name: str) -> str:
    """The text of a JSON member as the sender printed it: a string or a whole number; "" when absent or null.

    Raises `Malformed` for a fraction, an exponent, a truth value, a list or an object.
    """
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Malformed(f"{name} is neither a text nor a whole number")


def usable_status(status: int) -> None:
    """Whether an answer with this HTTP status may be read.

    Raises `Refused` for a 4xx (the other side did nothing), and `OutcomeUnknown` for all else that is not a
    2xx (it may have done something), also for 408, which says that the other side gave up waiting.
    """
    if 200 <= status <= 299:  # noqa: PLR2004 - the ranges of RFC 9110 are their own names
        return
    if 400 <= status <= 499 and status != 408:  # noqa: PLR2004 - as above
        raise Refused(f"answered with HTTP status {status}", code=f"HTTP {status}")
    raise OutcomeUnknown(f"answered with HTTP status {status}")


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name is given twice")
    return fields


def _no_constant(_: str) -> NoReturn:
    raise ValueError("not a number of JSON")


def _whole(digits: str) -> int:
    if digits == "-0":
        raise ValueError("minus zero")
    return int(digits)
