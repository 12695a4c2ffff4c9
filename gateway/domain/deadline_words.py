"""A due date explained in words: one sentence for each step, in Vietnamese and in English.

Times are those of Việt Nam. Nothing personal stands in a step, so that the sentences may go wherever the date goes.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from gateway.domain.deadline_parts import Due, Step, StopKind, Term, Unit, What
from gateway.domain.workdays import DAY, VIETNAM, Source

_UNITS: Final[Mapping[Unit, Source]] = {
    Unit.SAME_DAY: Source("trong ngày làm việc", "the same working day"),
    Unit.WORKING_DAYS: Source("{} ngày làm việc", "{} working days"),
    Unit.WORKING_HOURS: Source("{} giờ làm việc", "{} working hours"),
    Unit.CALENDAR_DAYS: Source("{} ngày", "{} days"),
}
_STOPS: Final[Mapping[StopKind, Source]] = {
    StopKind.SUPPLEMENT: Source(
        "chờ bổ sung, hoàn thiện hồ sơ", "waiting for the application to be completed"
    ),
    StopKind.FEE: Source("chờ thực hiện nghĩa vụ tài chính", "waiting for the fee to be paid"),
    StopKind.OUTAGE: Source("gián đoạn dịch vụ đã được xác nhận", "certified outage of a service"),
}
_SENTENCES: Final[Mapping[What, Source]] = {
    What.RECEIVED: Source("Tiếp nhận lúc {from_at}", "Received at {from_at}"),
    What.FROM_OPENING: Source(
        "Ngoài giờ làm việc: tính từ {to_at}", "Outside the working hours: counted from {to_at}"
    ),
    What.COUNTED: Source("Thời hạn {term}, tính từ {from_at}", "Term of {term}, counted from {from_at}"),
    What.SAME_DAY: Source(
        "Nhận lúc {from_at}: trả trong ngày, chậm nhất lúc {to_at}",
        "Counted at {from_at}: due the same day, by {to_at}",
    ),
    What.NEXT_DAY_AFTER_HOUR: Source(
        "Nhận lúc {from_at}: trả trong ngày làm việc tiếp theo, chậm nhất lúc {to_at}",
        "Counted at {from_at}: due on the next working day, by {to_at}",
    ),
    What.RUNS: Source(
        "Thời gian được tính: từ {from_at} đến {to_at}", "Time that counts: from {from_at} to {to_at}"
    ),
    What.REST: Source("Nghỉ {days}: {name}", "Not worked {days}: {name}"),
    What.MADE_UP: Source("Làm việc {days}: {name}", "Worked {days}: {name}"),
    What.STOPPED: Source(
        "Tạm dừng từ {from_at} đến {to_at}: {stop}", "The clock stood from {from_at} to {to_at}: {stop}"
    ),
    What.MOVED_OFF_REST: Source(
        "Ngày cuối là ngày nghỉ, {days}: chuyển sang {to_at}",
        "The last day is a day of rest, {days}: moved to {to_at}",
    ),
    What.EXTENDED: Source("Gia hạn thêm {term} từ {from_at}", "Extended by {term} from {from_at}"),
    What.WAITS: Source(
        "Tạm dừng từ {from_at}: {stop}; chưa xác định ngày hẹn trả",
        "The clock stands since {from_at}: {stop}; not due yet",
    ),
    What.BEYOND_CALENDAR: Source(
        "Lịch nghỉ chỉ có từ {first_day} đến {last_day}: ngoài thời gian đó chỉ tính ngày nghỉ hằng tuần",
        "Days off are known from {first_day} to {last_day} only: beyond, nothing but weekly rest is counted",
    ),
    What.DUE: Source("Hẹn trả kết quả lúc {to_at}", "Due at {to_at}"),
}
assert set(_SENTENCES) == set(What), "every step has its sentence"
assert set(_UNITS) == set(Unit), "every unit has its words"
assert set(_STOPS) == set(StopKind), "every stop has its words"

_ONE_DAY: Final = Source("ngày {}", "on {}")
_SOME_DAYS: Final = Source("từ ngày {} đến hết ngày {}", "from {} to {}")

_Choice = Callable[[Source], str]


def explain_vi(due: Due) -> tuple[str, ...]:
    """Why the case is due then, a sentence for each step."""
    return tuple(_sentence(step, _vi, "ngày", "dự kiến") for step in due.steps)


def explain_en(due: Due) -> tuple[str, ...]:
    """As `explain_vi`, in English."""
    return tuple(_sentence(step, _en, "on", "expected") for step in due.steps)


def _vi(words: Source) -> str:
    return words.vi


def _en(words: Source) -> str:
    return words.en


def _sentence(step: Step, choose: _Choice, on: str, expected: str) -> str:
    said = choose(_SENTENCES[step.what]).format(
        from_at=_moment(step.from_at, on),
        to_at=_moment(step.to_at, on),
        days=_days(step, choose),
        first_day=_day(step.from_at),
        last_day=_day(step.to_at),
        name="" if step.name is None else choose(step.name),
        term="" if step.term is None else _term(step.term, choose),
        stop="" if step.stop is None else choose(_STOPS[step.stop]),
    )
    source = "" if step.source is None else choose(step.source)
    beside = [step.reference, source, "" if step.sure else expected]
    told = "; ".join(filter(None, beside))
    return f"{said} ({told})." if told else f"{said}."


def term_vi(term: Term) -> str:
    """`10 ngày làm việc`, `trong ngày`."""
    return _term(term, _vi)


def term_en(term: Term) -> str:
    """As `term_vi`, in English."""
    return _term(term, _en)


def _term(term: Term, choose: _Choice) -> str:
    words = choose(_UNITS[term.unit]).format(term.count)
    return words.removesuffix("s") if term.count == 1 else words


def _moment(at: datetime, on: str) -> str:
    return f"{at.astimezone(VIETNAM):%H:%M} {on} {_day(at)}"


def _day(at: datetime) -> str:
    return f"{at.astimezone(VIETNAM):%d/%m/%Y}"


def _days(step: Step, choose: _Choice) -> str:
    """One day, or from the first to the last."""
    first, last = _day(step.from_at), _day(max(step.from_at, step.to_at - DAY))
    alone = step.what is What.MOVED_OFF_REST or first == last
    return choose(_ONE_DAY if alone else _SOME_DAYS).format(first, last)
