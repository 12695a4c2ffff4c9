"""A due date explains itself: each step in Vietnamese and in English, in order and with its source."""

from datetime import date, datetime

import pytest

from gateway.domain.deadline import due
from gateway.domain.deadline_parts import Due, Extension, Stop, StopKind, Term, Unit, What
from gateway.domain.deadline_words import explain_en, explain_vi
from gateway.domain.workdays import Source
from tests.unit.sample_times import at, calendar, hours

SAME_DAY = Term(0, Unit.SAME_DAY)


def stop(begins: datetime, ends: datetime | None, kind: StopKind) -> Stop:
    return Stop(kind, begins, ends, "12/GN")


def days(count: int) -> Term:
    return Term(count, Unit.CALENDAR_DAYS)


TOLD = due(
    at("14/08/2026", "18:00"),
    Term(7),
    hours(),
    stops=(
        Stop(StopKind.SUPPLEMENT, at("18/08/2026", "10:00"), at("20/08/2026", "15:00"), "12/BS"),
        Stop(StopKind.OUTAGE, at("20/08/2026", "14:00"), at("21/08/2026", "08:00"), "GN-1"),
    ),
    extensions=(Extension(Term(1), "05/XL"),),
)


def test_a_due_date_explains_itself_in_vietnamese() -> None:
    office, notice = hours().week.source.vi, calendar().days[date(2026, 8, 22)].source.vi
    assert explain_vi(TOLD) == (
        "Tiếp nhận lúc 18:00 ngày 14/08/2026.",
        f"Ngoài giờ làm việc: tính từ 07:00 ngày 17/08/2026 ({office}).",
        "Thời hạn 7 ngày làm việc, tính từ 07:00 ngày 18/08/2026 (Bộ luật Dân sự 2015, Điều 147 khoản 2).",
        "Thời gian được tính: từ 07:00 ngày 18/08/2026 đến 10:00 ngày 18/08/2026.",
        (
            "Tạm dừng từ 10:00 ngày 18/08/2026 đến 15:00 ngày 20/08/2026: chờ bổ sung, hoàn thiện hồ sơ "
            "(12/BS; Thông tư 03/2025/TT-VPCP, Mẫu số 02)."
        ),
        (
            "Tạm dừng từ 14:00 ngày 20/08/2026 đến 08:00 ngày 21/08/2026: gián đoạn dịch vụ đã được xác nhận "
            "(GN-1; giấy xác nhận gián đoạn dịch vụ)."
        ),
        "Thời gian được tính: từ 08:00 ngày 21/08/2026 đến 15:00 ngày 28/08/2026.",
        f"Làm việc ngày 22/08/2026: Làm bù dịp Quốc khánh ({notice}).",
        "Gia hạn thêm 1 ngày làm việc từ 15:00 ngày 28/08/2026 (05/XL; Thông tư 03/2025/TT-VPCP, Mẫu số 04).",
        f"Nghỉ ngày 31/08/2026: Nghỉ hoán đổi dịp Quốc khánh ({notice}).",
        f"Nghỉ từ ngày 01/09/2026 đến hết ngày 02/09/2026: Quốc khánh ({notice}).",
        "Thời hạn 1 ngày làm việc, tính từ 07:00 ngày 03/09/2026 (Bộ luật Dân sự 2015, Điều 147 khoản 2).",
        "Thời gian được tính: từ 07:00 ngày 03/09/2026 đến 17:00 ngày 03/09/2026.",
        "Hẹn trả kết quả lúc 17:00 ngày 03/09/2026.",
    )


def test_a_due_date_explains_itself_in_english() -> None:
    told = explain_en(TOLD)
    assert len(told) == len(TOLD.steps)
    assert told[4:6] == (
        (
            "The clock stood from 10:00 on 18/08/2026 to 15:00 on 20/08/2026: "
            "waiting for the application to be completed (12/BS; Circular 03/2025/TT-VPCP, form 02)."
        ),
        (
            "The clock stood from 14:00 on 20/08/2026 to 08:00 on 21/08/2026: certified outage of a service "
            "(GN-1; certificate of an outage)."
        ),
    )
    assert told[8] == (
        "Extended by 1 working day from 15:00 on 28/08/2026 (05/XL; Circular 03/2025/TT-VPCP, form 04)."
    )
    assert told[-1] == "Due at 17:00 on 03/09/2026."


def every_step() -> list[Due]:
    """Due dates that have steps of each sort between them."""
    waits = (stop(at("18/11/2026", "10:00"), None, StopKind.FEE),)
    return [
        TOLD,
        due(at("16/11/2026"), Term(3), hours(), stops=waits),
        due(at("23/11/2026", "15:01"), SAME_DAY, hours()),
        due(at("23/11/2026"), SAME_DAY, hours()),
        due(at("10/11/2026"), days(4), hours()),
        due(at("01/02/2027"), Term(240, Unit.WORKING_HOURS), hours()),
        due(at("28/12/2027"), Term(5), hours()),
    ]


def test_every_step_has_words_in_both_languages_that_leave_nothing_open() -> None:
    assert set(What) == {step.what for found in every_step() for step in found.steps}
    for found in every_step():
        for told in (*explain_vi(found), *explain_en(found)):
            assert not {"{", "}"} & set(told)
            assert "  " not in told
            assert "()" not in told


SAID = [
    (
        due(at("16/11/2026"), Term(3), hours(), stops=(stop(at("18/11/2026", "10:00"), None, StopKind.FEE),)),
        (
            "Tạm dừng từ 10:00 ngày 18/11/2026: chờ thực hiện nghĩa vụ tài chính; chưa xác định ngày hẹn trả "
            "(12/GN; Cổng Dịch vụ công quốc gia, trạng thái 6)."
        ),
        (
            "The clock stands since 10:00 on 18/11/2026: waiting for the fee to be paid; not due yet "
            "(12/GN; National Public Service Portal, state 6)."
        ),
    ),
    (
        due(at("23/11/2026", "09:00"), SAME_DAY, hours()),
        (
            "Nhận lúc 09:00 ngày 23/11/2026: trả trong ngày, chậm nhất lúc 17:00 ngày 23/11/2026 "
            "(Quy định của thủ tục: nhận sau 15 giờ thì trả kết quả trong ngày làm việc tiếp theo)."
        ),
        (
            "Counted at 09:00 on 23/11/2026: due the same day, by 17:00 on 23/11/2026 "
            "(Rule of the procedure: received after 15:00, the result is given on the next working day)."
        ),
    ),
    (
        due(at("23/11/2026", "15:01"), SAME_DAY, hours()),
        (
            "Nhận lúc 15:01 ngày 23/11/2026: trả trong ngày làm việc tiếp theo, chậm nhất lúc 17:00 ngày 25/11/2026 "
            "(Quy định của thủ tục: nhận sau 15 giờ thì trả kết quả trong ngày làm việc tiếp theo)."
        ),
        (
            "Counted at 15:01 on 23/11/2026: due on the next working day, by 17:00 on 25/11/2026 "
            "(Rule of the procedure: received after 15:00, the result is given on the next working day)."
        ),
    ),
    (
        due(at("10/11/2026"), days(4), hours()),
        "Thời hạn 4 ngày, tính từ 00:00 ngày 11/11/2026 (Bộ luật Dân sự 2015, Điều 147 khoản 2).",
        "Term of 4 days, counted from 00:00 on 11/11/2026 (Civil Code 2015, Art. 147(2)).",
    ),
    (
        due(at("10/11/2026"), days(4), hours()),
        (
            "Ngày cuối là ngày nghỉ, ngày 14/11/2026: chuyển sang 17:00 ngày 16/11/2026 "
            "(Bộ luật Dân sự 2015, Điều 148 khoản 5)."
        ),
        "The last day is a day of rest, on 14/11/2026: moved to 17:00 on 16/11/2026 (Civil Code 2015, Art. 148(5)).",
    ),
    (
        due(at("10/11/2026"), Term(1, Unit.WORKING_HOURS), hours()),
        "Thời hạn 1 giờ làm việc, tính từ 09:00 ngày 10/11/2026 (Bộ luật Dân sự 2015, Điều 147 khoản 1).",
        "Term of 1 working hour, counted from 09:00 on 10/11/2026 (Civil Code 2015, Art. 147(1)).",
    ),
    (
        due(at("10/11/2026"), Term(12, Unit.WORKING_HOURS), hours()),
        "Thời hạn 12 giờ làm việc, tính từ 09:00 ngày 10/11/2026 (Bộ luật Dân sự 2015, Điều 147 khoản 1).",
        "Term of 12 working hours, counted from 09:00 on 10/11/2026 (Civil Code 2015, Art. 147(1)).",
    ),
    (
        due(at("28/12/2027"), Term(5), hours()),
        "Lịch nghỉ chỉ có từ 01/01/2024 đến 31/12/2027: ngoài thời gian đó chỉ tính ngày nghỉ hằng tuần (dự kiến).",
        "Days off are known from 01/01/2024 to 31/12/2027 only: beyond, nothing but weekly rest is counted (expected).",
    ),
    (
        due(at("28/08/2026", "18:00"), Term(5), hours()),
        "Tiếp nhận lúc 18:00 ngày 28/08/2026.",
        "Received at 18:00 on 28/08/2026.",
    ),
    (
        due(at("28/08/2026", "18:00"), Term(5), hours()),
        f"Ngoài giờ làm việc: tính từ 07:00 ngày 03/09/2026 ({hours().week.source.vi}).",
        f"Outside the working hours: counted from 07:00 on 03/09/2026 ({hours().week.source.en}).",
    ),
    (
        due(at("28/08/2026", "18:00"), Term(5), hours()),
        "Thời gian được tính: từ 07:00 ngày 04/09/2026 đến 17:00 ngày 10/09/2026.",
        "Time that counts: from 07:00 on 04/09/2026 to 17:00 on 10/09/2026.",
    ),
    (
        due(at("20/11/2026"), Term(5), hours()),
        "Nghỉ ngày 24/11/2026: Ngày Văn hóa Việt Nam (Nghị quyết 28/2026/QH16).",
        "Not worked on 24/11/2026: Vietnam Culture Day (Resolution 28/2026/QH16).",
    ),
    (
        due(at("01/09/2025"), Term(5), hours()),
        "Nghỉ từ ngày 01/09/2025 đến hết ngày 02/09/2025: Quốc khánh (Văn bản 8726/VPCP-KGVX ngày 26/11/2024).",
        (
            "Not worked from 01/09/2025 to 02/09/2025: National Day "
            "(Government Office letter 8726/VPCP-KGVX of 26/11/2024)."
        ),
    ),
    (
        due(at("09/01/2026"), Term(5), hours()),
        "Làm việc ngày 10/01/2026: Làm bù dịp Tết Dương lịch (Văn bản 12729/VPCP-KGVX ngày 25/12/2025).",
        (
            "Worked on 10/01/2026: Make-up working day for New Year's Day "
            "(Government Office letter 12729/VPCP-KGVX of 25/12/2025)."
        ),
    ),
    (
        due(at("01/02/2027"), Term(1, Unit.CALENDAR_DAYS), hours(), extensions=(Extension(days(5), "5"),)),
        "Gia hạn thêm 5 ngày từ 17:00 ngày 02/02/2027 (5; Thông tư 03/2025/TT-VPCP, Mẫu số 04).",
        "Extended by 5 days from 17:00 on 02/02/2027 (5; Circular 03/2025/TT-VPCP, form 04).",
    ),
]


@pytest.mark.parametrize(("found", "vi", "en"), SAID)
def test_each_sort_of_step_is_said_in_both_languages(found: Due, vi: str, en: str) -> None:
    assert vi in explain_vi(found)
    assert en in explain_en(found)
    assert explain_vi(found).index(vi) == explain_en(found).index(en)


def test_steps_are_told_in_order_and_with_their_source() -> None:
    bare = {What.RECEIVED, What.RUNS, What.DUE, What.BEYOND_CALENDAR}
    for found in every_step():
        legs = [
            step.from_at
            for step in found.steps
            if step.what not in {What.DUE, What.BEYOND_CALENDAR, What.REST}
        ]
        assert legs == sorted(legs)
        for step in found.steps:
            assert (step.source is None) == (step.what in bare), step.what


def test_a_day_that_is_expected_says_so() -> None:
    told = [each for each in explain_vi(due(at("01/02/2027"), Term(5), hours())) if "Tết" in each]
    assert all(each.endswith("; dự kiến).") for each in told)
    in_english = [each for each in explain_en(due(at("01/02/2027"), Term(5), hours())) if "Lunar" in each]
    assert all(each.endswith("; expected).") for each in in_english)
    assert 3 == len(told)


def test_a_source_is_never_half_empty() -> None:
    found = [step.source for each in every_step() for step in each.steps if step.source is not None]
    assert all(isinstance(each, Source) and each.vi and each.en for each in found)
