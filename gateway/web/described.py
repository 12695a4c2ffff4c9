"""What the OpenAPI document says beside the models: who may call, what may be asked for, and how it can go wrong."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.domain.payment import PublicPayment
from gateway.web.problems import HTTP_PROBLEMS, PROBLEMS, Problem

MEDIA_TYPE = "application/problem+json"
METHODS = frozenset({"get", "post", "put", "patch", "delete"})
LARGEST_PAGE = 500

SIGNATURE = "signature"
SCHEMES: Mapping[str, Any] = {
    SIGNATURE: {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": (
            "An HTTP message signature (RFC 9421) over `@method` and `@target-uri`, with a body also over "
            "`content-digest` (RFC 9530, sha-256) and `content-type`. `Signature-Input` names these and carries "
            "`created` (within 300 s of our clock), `nonce` (taken once) and `keyid`. Keys are Ed25519, ECDSA P-256 or "
            "RSA-PSS, and have scopes. Answers are signed the same way by a key of `/.well-known/jwks.json`."
        ),
    }
}

ALIKE = (
    "Bodies are JSON in UTF-8 that every reader understands alike: each name once, no NaN, no half of a surrogate "
    "pair. Texts are kept composed (NFC): the same `reference` with the same text in letters apart (NFD) is the same "
    "content, and answered as the first time; what was signed is kept as it came. What turns the direction of reading "
    "or takes no room is part of no text. A whole number is written without a fraction (`1`, not `1.0`)."
)
"""What holds for every body."""

PROBLEM_SCHEMA: Mapping[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457. `code` is one of the closed list of `/docs/errors`; `errors` goes field by field.",
    "type": "object",
    "required": ["type", "title", "title_vi", "status", "detail", "code", "trace_id"],
    "properties": {
        **{name: {"type": "string"} for name in ("type", "title", "title_vi", "detail", "code", "trace_id")},
        "status": {"type": "integer"},
        "errors": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    },
}


def _asked(name: str, says: str, **schema: Any) -> dict[str, Any]:
    return {
        "in": "query",
        "name": name,
        "required": False,
        "description": says,
        "schema": {"type": "string", **schema},
    }


_LIMIT = _asked("limit", "How many at most.", type="integer", minimum=1, maximum=LARGEST_PAGE, default=100)

QUERIES: Mapping[str, tuple[dict[str, Any], ...]] = {
    "/v1/payments": (
        _asked("case_code", "Of this case."),
        _asked("reference", "With this reference of yours."),
        _asked("state", "In this public state.", enum=[each.value for each in PublicPayment]),
        _asked("from", "Created at this time or later; RFC 3339 with offset.", format="date-time"),
        _asked("to", "Created before this time; RFC 3339 with offset.", format="date-time"),
        _asked("cursor", "`next_cursor` of the page before.", pattern="^pay_[0-9a-f]{32}$"),
        _LIMIT,
    ),
    "/v1/events": (
        _asked("after", "`next_cursor` of the page before.", pattern="^[0-9]{1,18}-[0-9]{1,18}$"),
        _LIMIT,
    ),
    "/v1/figures": (
        {
            **_asked("month", "The month, up to now where it is not over.", pattern="^[0-9]{4}-[0-9]{2}$"),
            "required": True,
        },
        _asked("agency", "Of this agency and those under it; yours where none is named."),
        _asked("field", "Of the procedures of this field, by its name or code."),
    ),
    "/v1/procedures": (
        _asked("level", "Of this level.", enum=["1", "2", "3", "4"]),
        _asked("q", "With this in their code or name."),
    ),
    "/v1/cases/{case_code}/evidence": (
        _asked("person", "`1` opens what the submission commits to of the applicant.", enum=["0", "1"]),
    ),
}
"""What can be asked for in the query of a GET, by path."""


def _header(name: str, says: str) -> dict[str, Any]:
    return {"in": "header", "name": name, "required": True, "description": says, "schema": {"type": "string"}}


DIGEST = _header("Repr-Digest", "`sha-256` of the whole document (RFC 9530), which must agree.")
DOCUMENT: Mapping[str, Any] = {
    "description": "The document itself. Any media type will do: what a document is, its content tells.",
    "required": True,
    "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}
    },
}

HEADERS: Mapping[tuple[str, str], tuple[dict[str, Any], ...]] = {
    ("post", "/v1/uploads"): (
        _header("Tus-Resumable", "`1.0.0`"),
        _header("Upload-Length", "The announced size of the document in bytes."),
        _header(
            "Upload-Metadata",
            "`case_code` and `document_code`, each with its value in Base64. The signature covers this header and "
            "`Upload-Length`.",
        ),
    ),
    ("put", "/v1/cases/{case_code}/documents/{document_code}"): (DIGEST,),
    ("put", "/v1/cases/{case_code}/result"): (DIGEST,),
}
"""What an operation is told by headers of its own."""

OFTEN = (400, 401, 403)
MAY_HAVE_A_BODY = (413, 415)
WITH_JSON = (422,)
WITH_A_DOCUMENT = (413, 422)
MORE: Mapping[tuple[str, str], tuple[int, ...]] = {
    ("post", "/v1/cases"): (404, 409),
    ("post", "/v1/cases/{case_code}/documents"): (409,),
    ("post", "/v1/cases/{case_code}/submit"): (409, 422),
    ("post", "/v1/cases/{case_code}/transitions"): (409,),
    ("post", "/v1/cases/{case_code}/extensions"): (409,),
    ("post", "/v1/cases/{case_code}/fees"): (409,),
    ("get", "/v1/cases/{case_code}/evidence"): (409, 422),
    ("put", "/v1/cases/{case_code}/documents/{document_code}"): (409,),
    ("put", "/v1/cases/{case_code}/result"): (409,),
    ("post", "/v1/uploads"): (404, 409, 412, 422),
    ("post", "/v1/payments"): (404, 409),
    ("get", "/v1/payments"): (422,),
    ("post", "/v1/payments/{payment_id}/cancel"): (409,),
    ("post", "/v1/payments/{payment_id}/attempts"): (409, 502, 503),
    ("post", "/v1/payments/{payment_id}/refunds"): (409, 412),
    ("post", "/v1/deliveries"): (404, 409),
    ("get", "/v1/events"): (422,),
    ("get", "/v1/procedures"): (422,),
    ("get", "/v1/figures"): (404, 422),
    ("post", "/v1/events/{event_id}/resend"): (422,),
    ("post", "/v1/webhook_endpoints"): (409, 503),
}
"""How else an operation can go wrong than by its shape."""

REPLAYED = frozenset(
    ("post", path)
    for path in ("/v1/cases", "/v1/payments", "/v1/payments/{payment_id}/refunds", "/v1/deliveries")
)
"""What is made once for each `reference`."""
AS_THE_FIRST_TIME = "The same reference with the same content again: what was made then, as it is now"


def describe(spec: dict[Any, Any] | str) -> dict[Any, Any] | str:
    """The document with proof, queries and problems; what was put there by default is replaced."""
    assert isinstance(spec, dict), "the document is made as JSON"
    components = spec.setdefault("components", {})
    components["securitySchemes"] = dict(SCHEMES)
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPError", "ValidationError"):  # not what we answer
        schemas.pop(name, None)
    schemas["Problem"] = dict(PROBLEM_SCHEMA)
    spec["security"] = [{SIGNATURE: []}]
    spec["info"]["description"] = ALIKE
    for path, operations in spec.get("paths", {}).items():
        for method in METHODS & set(operations):
            _describe(method, path, operations[method])
    return spec


def _describe(method: str, path: str, operation: dict[str, Any]) -> None:
    responses = {status: each for status, each in operation["responses"].items() if status < "400"}
    responses |= {
        str(status): _problems(status) for status in sorted(set(_statuses(method, path, operation)))
    }
    operation["responses"] = responses
    if (method, path) in REPLAYED:
        responses["200"] = {**responses["201"], "description": AS_THE_FIRST_TIME}
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
    if method == "put":
        operation["requestBody"] = dict(DOCUMENT)
    if (method, path) in HEADERS:
        operation["parameters"] = [*operation.get("parameters", ()), *HEADERS[method, path]]
    if method == "get" and path in QUERIES:
        operation["parameters"] = [*operation.get("parameters", ()), *QUERIES[path]]


def _statuses(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[int]:
    yield from OFTEN
    if "{" in path:
        yield 404
    if method == "put":
        yield from WITH_A_DOCUMENT
    if method in {"post", "patch"}:
        yield from MAY_HAVE_A_BODY
    if "requestBody" in operation:
        yield from WITH_JSON
    yield from MORE.get((method, path), ())


def _problems(status: int) -> dict[str, Any]:
    """Every kind of problem of that status, by its code."""
    known: set[Problem] = {
        each for each in (*PROBLEMS.values(), *HTTP_PROBLEMS.values()) if each.status == status
    }
    return {
        "description": "; ".join(sorted(f"`{each.code}`: {each.title}" for each in known)),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
