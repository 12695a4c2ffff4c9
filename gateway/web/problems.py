"""Errors as `application/problem+json` (RFC 9457), and as a page for those who sit before a browser.

Each `code` has its paragraph in `docs/errors.md`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog
from flask import Flask, Response, g, render_template, request
from werkzeug.exceptions import HTTPException

from gateway.domain.errors import (
    BadSignature,
    ChecksumMismatch,
    Forbidden,
    ForeignPartner,
    GatewayError,
    Gone,
    Harmful,
    Incomplete,
    Locked,
    Malformed,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    ReferenceConflict,
    Refused,
    TooLarge,
    Unreachable,
    Unsupported,
    UnsupportedVersion,
)
from gateway.web.context import rule

log = structlog.get_logger()

MACHINES = ("/v1/", "/callbacks/")
"""Where nobody sits before a browser: answered as JSON, whatever is accepted."""
OFFERED = ("text/html", "application/problem+json", "application/json")
LONGEST_FIELD = 100
MOST_ERRORS = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of problem: HTTP status, stable code, and a title in two languages."""

    status: int
    code: str
    title: str
    title_vi: str


PROBLEMS: dict[type[GatewayError], Problem] = {
    Malformed: Problem(422, "malformed", "The content is not as agreed", "Nội dung không đúng quy định"),
    BadSignature: Problem(
        401, "bad_signature", "The proof of origin does not hold", "Chữ ký số không hợp lệ"
    ),
    ForeignPartner: Problem(
        401, "foreign_partner", "Meant for another partner", "Thông điệp gửi cho đơn vị khác"
    ),
    NotFound: Problem(404, "not_found", "No such thing, or not yours", "Không tìm thấy"),
    ReferenceConflict: Problem(
        409,
        "reference_conflict",
        "The reference is known with other content",
        "Mã tham chiếu đã dùng cho nội dung khác",
    ),
    Forbidden: Problem(409, "not_possible_now", "Not possible in this state", "Chưa thực hiện được lúc này"),
    Incomplete: Problem(422, "incomplete", "Something is missing", "Hồ sơ chưa đầy đủ"),
    TooLarge: Problem(413, "too_large", "The body is too large", "Nội dung quá lớn"),
    Harmful: Problem(422, "harmful", "The file may hold harmful code", "Tệp có thể chứa mã độc"),
    PreconditionFailed: Problem(412, "precondition_failed", "Your picture is out of date", "Dữ liệu đã cũ"),
    Unreachable: Problem(503, "unreachable", "The other side cannot be reached", "Chưa kết nối được đối tác"),
    OutcomeUnknown: Problem(
        503, "outcome_unknown", "The outcome is not known yet", "Chưa rõ kết quả, đang kiểm tra"
    ),
    Refused: Problem(502, "refused", "The other side refused", "Đối tác từ chối"),
    Unsupported: Problem(422, "unsupported", "This is not offered", "Chưa hỗ trợ"),
    Misconfigured: Problem(500, "misconfigured", "A setting is wrong", "Cấu hình sai"),
}

UPLOAD_PROBLEMS: dict[type[GatewayError], Problem] = {
    Gone: Problem(410, "gone", "It was there, and ended", "Đã kết thúc hoặc hết hạn"),
    UnsupportedVersion: Problem(
        412, "tus_version", "Another version of tus is spoken here", "Không hỗ trợ phiên bản tus này"
    ),
    Locked: Problem(423, "locked", "Another request is at it", "Đang có yêu cầu khác xử lý"),
    ChecksumMismatch: Problem(
        460, "checksum_mismatch", "The checksum does not agree", "Mã kiểm tra không khớp"
    ),
}
"""Of the links of uploads alone, by the numbers that tus gives them."""

HTTP_PROBLEMS: Mapping[int, Problem] = {
    400: Problem(400, "bad_request", "The request cannot be read", "Không đọc được yêu cầu"),
    401: Problem(401, "unauthenticated", "Who asks is not known", "Chưa xác thực"),
    403: Problem(403, "scope", "The key may not do this", "Khóa không có quyền này"),
    404: PROBLEMS[NotFound],
    405: Problem(405, "method_not_allowed", "No such method here", "Phương thức không được hỗ trợ"),
    413: PROBLEMS[TooLarge],
    415: Problem(415, "media_type", "Another media type is asked for", "Loại nội dung không được nhận"),
    422: PROBLEMS[Malformed],
    429: Problem(429, "too_many", "Too many tries", "Thử quá nhiều lần"),
    500: Problem(500, "our_error", "An error of ours", "Lỗi của hệ thống"),
}


class ScopeMissing(Exception):  # noqa: N818 - named for what happened
    """The key is genuine, but may not do this."""


def answer(problem: Problem, detail: str, errors: list[dict[str, str]] | None = None) -> Response:
    """The response for a problem; `errors` names fields or things one by one."""
    if _for_a_browser():
        page = render_template("problem.html", problem=problem, trace_id=g.get("trace_id", ""))
        return Response(page, problem.status)
    body: dict[str, Any] = {
        "type": f"/docs/errors#{problem.code}",
        "title": problem.title,
        "title_vi": problem.title_vi,
        "status": problem.status,
        "detail": detail,
        "code": problem.code,
        "trace_id": g.get("trace_id", ""),
    }
    if errors is not None:
        body["errors"] = errors
    # a name that a caller gave may hold what is no text
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Response(text, problem.status, content_type="application/problem+json")


def _for_a_browser() -> bool:
    if request.path.startswith(MACHINES):
        return False
    return not request.accept_mimetypes or request.accept_mimetypes.best_match(OFFERED) == OFFERED[0]


def of_error(error: GatewayError) -> Response:
    known = PROBLEMS | UPLOAD_PROBLEMS
    problem = next(known[kind] for kind in type(error).__mro__ if kind in known)
    if isinstance(error, Incomplete):
        return answer(
            problem, str(error), [{"code": each.code, "reason": each.reason} for each in error.missing]
        )
    return answer(problem, str(error))


def of_validation(detail: Mapping[str, Any]) -> Response:
    """Unknown fields and bad values, field by field."""
    errors = [
        {"field": field[:LONGEST_FIELD], "reason": reason}
        for fields in detail.values()
        if isinstance(fields, Mapping)
        for field, reasons in fields.items()
        for reason in reasons
    ]
    return answer(PROBLEMS[Malformed], "some fields are unknown, missing or wrong", errors[:MOST_ERRORS])


def register(app: Flask) -> None:
    app.register_error_handler(GatewayError, of_error)
    app.register_error_handler(ScopeMissing, lambda error: answer(HTTP_PROBLEMS[403], str(error)))
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _of_surprise)


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    problem = HTTP_PROBLEMS.get(status)
    if problem is None:  # the codes are a closed list: a rare status goes under the one of its kind
        problem = replace(HTTP_PROBLEMS[400 if status < 500 else 500], status=status)  # noqa: PLR2004 - RFC 9110
    made = answer(problem, error.description or problem.title)
    made.headers.extend({k: v for k, v in error.get_headers() if k.lower() in {"allow", "retry-after"}})
    return made


def _of_surprise(error: Exception) -> Response:
    log.error("request_failed", rule=rule(), error=type(error).__name__, trace_id=g.get("trace_id"))
    return answer(HTTP_PROBLEMS[500], "nothing is lost; please try again")
