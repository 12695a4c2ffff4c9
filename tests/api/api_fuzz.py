"""Every operation of the OpenAPI document, called by schemathesis with signed requests on a house that has something.

What is generated comes from the document that the house itself serves; only where it names a thing (a case, a payment,
a province) the seeded house's own things are offered beside what the document allows, or all would end in 404.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import jsonschema_rs
import requests
import schemathesis
from api_seeded import FRESH, Known, offered, seeded
from api_wire import JSON, Call, Key, digest
from api_world import World
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, Response
from schemathesis.core.failures import FailureGroup
from schemathesis.schemas import APIOperation, BaseSchema

UNESCAPED = "/:@!$&'()*+,;=-._~"  # RFC 3986 section 3.3, as the signature's rule reads a path
UPLOAD_HEADERS = ("upload-length", "upload-metadata")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
"""Schemathesis' own names. 502 and 503 are answers where the document says so: the other side is not us."""
OK, CREATED = 200, 201
REFUSED = ("400", "401", "404", "405", "412", "413", "415", "422")
CONFIG: Mapping[str, Any] = {
    "checks": {
        "enabled": False,
        **{name: {"enabled": True} for name in CHECKS},
        "not_a_server_error": {"enabled": True, "expected-statuses": ["2xx", "3xx", "4xx", "502", "503"]},
        "negative_data_rejection": {"enabled": True, "expected-statuses": [*REFUSED]},
    },
    "phases": {"coverage": {"unexpected-methods": ["TRACE"]}},
}
BOTH = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
NO_ZERO_BYTE = "a zero byte is part of no"
"""Refused before anything is read, wherever it stands."""


@dataclass
class Tally:
    """What came of one operation: answers by status, and what was wrong with some, each kind with its first call."""

    label: str
    answers: Counter[int] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def fail(self, kind: str, how: str) -> None:
        self.failed[kind] += 1
        self.first.setdefault(kind, how)

    def succeeded(self) -> int:
        return sum(many for status, many in self.answers.items() if OK <= status < OK + 100)

    def line(self) -> str:
        answers = " ".join(f"{status}x{many}" for status, many in sorted(self.answers.items()))
        return (
            f"{self.label:<58}{self.answers.total():>6} calls {self.failed.total():>4} failures   {answers}"
        )


@dataclass(frozen=True)
class Signing(requests.auth.AuthBase):
    """Signs whatever is about to be sent (RFC 9421), so that it is refused for what it says and for nothing else."""

    base_url: str
    key: Key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else body
        path, mark, query = request.path_url.partition("?")
        target = quote(unquote_to_bytes(path), safe=UNESCAPED) + mark + query
        extra = [(name, str(request.headers[name])) for name in UPLOAD_HEADERS if name in request.headers]
        if request.headers.get("Repr-Digest"):
            request.headers["Repr-Digest"] = digest(raw)
        call = Call(
            self.base_url,
            self.key,
            str(request.method),
            target,
            raw,
            str(request.headers.get("Content-Type", JSON)),
            extra=tuple(extra),
        )
        covered = (*call.components(), *(name for name, _ in extra))
        call = Call(**{**_fields(call), "covered": covered})
        request.headers.update(call.signed())
        return request


def _fields(call: Call) -> dict[str, Any]:
    return {name: getattr(call, name) for name in Call.__dataclass_fields__}


def schema_of(world: World, known: Known, *, only: bool) -> BaseSchema:
    spec = world.plain("GET", "/openapi.json").json
    config = schemathesis.Config.from_dict(dict(CONFIG))
    made = schemathesis.openapi.from_dict(offered(spec, known, only=only), config=config)
    made.config.update(base_url=world.url)
    return made


def in_turn(label: str) -> tuple[int, str]:
    """Where an operation stands in the order of a run."""
    ends = label.startswith("DELETE") or label.endswith(("/cancel", "/transitions"))
    return (2 if ends else 0 if label.startswith("GET") else 1), label


class Fuzzer:
    """Calls the operations of one house, and keeps what came of it."""

    def __init__(self, world: World, who: str = "all") -> None:
        known = seeded(world)
        self.world, self.auth, self.session = world, Signing(world.url, world.keys[who]), requests.Session()
        self.free, self.bound = (schema_of(world, known, only=only) for only in (False, True))

    def labels(self) -> list[str]:
        """Every operation, as `POST /v1/cases`: first what only looks, at the end what takes away."""
        found = [each.ok().label for each in self.free.get_all_operations()]
        return sorted(found, key=in_turn)

    def tried(self, label: str, examples: int, *, every: int = 1) -> Tally:
        """Each bound of each field once, or one in `every`; then `examples` good and bad inputs, always the same."""
        tally = Tally(label)
        for case in islice(self._bounds(_found(self.free, label)), 0, None, every):
            self._try(case, tally)
        for mode in BOTH:
            self._generated(_found(self.bound, label), mode, examples, tally)
        return tally

    def _bounds(self, operation: APIOperation) -> Iterator[Case]:
        generation = self.free.config.generation_for(operation=operation)
        yield from self.free.iter_coverage_cases(
            operation, generation_modes=BOTH, generation_config=generation
        )

    def _generated(self, operation: APIOperation, mode: GenerationMode, examples: int, tally: Tally) -> None:
        @settings(
            max_examples=examples,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def each(case: Case) -> None:
            self._try(case, tally)

        # of an operation that asks for nothing there is no bad input
        with (
            contextlib.suppress(Unsatisfiable)
            if mode is GenerationMode.NEGATIVE
            else contextlib.nullcontext()
        ):
            each()

    def _try(self, case: Case, tally: Tally) -> None:
        fresh = {"reference": self.world.fresh("fz"), "url": f"https://example.vn/{self.world.fresh('fz')}"}
        if isinstance(case.body, dict) and FRESH in [case.body.get(name) for name in fresh]:
            case.body = {name: fresh[name] if each == FRESH else each for name, each in case.body.items()}
        if isinstance(case.body, dict) and _is_meant_well(case):
            whole = _whole(case.body)
            if repr(whole) != repr(case.body):  # 1.0 == 1; a body that is set anew is judged anew
                case.body = whole
        self._answered(case, tally)

    def _answered(self, case: Case, tally: Tally) -> None:
        answer = case.call(session=self.session, auth=self.auth)
        tally.answers[answer.status_code] += 1
        try:
            case.validate_response(answer, transport_kwargs={"auth": self.auth})
        except FailureGroup as group:
            for failure in group.exceptions:
                tally.fail(
                    f"{type(failure).__name__} {answer.status_code}", f"{failure}\n{_told(case, answer)}"
                )
        if _is_meant_well(case) and self._is_well_formed(case) and (reasons := _against_the_shape(answer)):
            tally.fail(f"GoodShapeRefused {answer.status_code}", f"{reasons}\n{_told(case, answer)}")
        if answer.status_code == CREATED and isinstance(case.body, dict) and "reference" in case.body:
            again = case.call(session=self.session, auth=self.auth)
            if (again.status_code, again.json()) != (OK, answer.json()):
                tally.fail(f"NotTheFirstAnswer {again.status_code}", _told(case, again))

    def _is_well_formed(self, case: Case) -> bool:
        """Whether a JSON body is as the document says: what schemathesis makes of a pattern not always is."""
        if not isinstance(case.body, dict):
            return not case.operation.body
        schema = case.operation.definition.raw["requestBody"]["content"][JSON]["schema"]
        named = {**schema, "components": self.free.raw_schema["components"]}
        return bool(jsonschema_rs.validator_for(named).is_valid(case.body))


def _against_the_shape(answer: Response) -> list[str]:
    """Why an answer refuses the shape of what was sent, and not what it means.

    A value error is of what no schema can say: a code twice, the sum of all lines.
    """
    if answer.status_code not in {400, 422}:
        return []
    problem = answer.json()
    reasons = [str(each["reason"]) for each in problem.get("errors", ()) if "field" in each]
    unmeant = [each for each in reasons if not each.startswith("Value error")]
    if answer.status_code == 400 and NO_ZERO_BYTE not in problem["detail"]:
        return [problem["detail"]]
    return unmeant


def _is_meant_well(case: Case) -> bool:
    return case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE


def _whole(value: Any) -> Any:
    """JSON Schema takes 1.0 for an integer, and we do not: money is never a fraction, also not one of naught."""
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _found(schema: BaseSchema, label: str) -> APIOperation:
    found = schema.find_operation_by_label(label)
    assert found is not None
    return found


def _told(case: Case, answer: schemathesis.Response) -> str:
    return f"{case.as_curl_command()}\n{answer.status_code} {answer.text[:1000]}"
