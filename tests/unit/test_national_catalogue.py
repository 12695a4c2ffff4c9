"""The national catalogue's JSON: what it tells is read, what it cannot tell is noted, what is wrong is named."""

import contextlib
import copy
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import national_catalogue, procedures
from gateway.domain.deadline_parts import Unit
from gateway.domain.errors import Malformed
from gateway.domain.fees import Asked, Channel, FeeKind, charges

TODAY = date(2026, 11, 24)
LICENCE: dict[str, Any] = {
    "ID": "90211",
    "MATTHC": "3.000347",
    "TENTTHC": "Đổi giấy phép lái xe",
    "MucDo": "4",
    "TRANGTHAI": 1,
    "LINHVUCTHUCHIEN": [{"MALINHVUC": "G01-GPLX", "TENLINHVUC": "Sát hạch, cấp giấy phép lái xe"}],
    "CACHTHUCTHUCHIEN": [
        {
            "KENH": 1,
            "THOIGIAN": [
                {
                    "THOIGIANGIAIQUYET": 5,
                    "DONVITINH": "Ngày làm việc",
                    "MOTA": "Kể từ ngày nhận đủ hồ sơ",
                    "PHILEPHI": [
                        {"MAPHILEPHI": "GPLX", "SOTIEN": 135000.0, "DONVI": "Đồng", "MOTA": "Lệ phí"}
                    ],
                }
            ],
        },
        {
            "KENH": "2",
            "THOIGIAN": [
                {
                    "THOIGIANGIAIQUYET": "3",
                    "DONVITINH": "Ngày làm việc",
                    "MOTA": None,
                    "PHILEPHI": [
                        {"MAPHILEPHI": "GPLX", "SOTIEN": "115000", "DONVI": "Đồng", "MOTA": "Lệ phí"}
                    ],
                }
            ],
        },
    ],
    "THANHPHANHOSO": [
        {
            "TRUONGHOP": "",
            "GIAYTO": [
                {
                    "MAGIAYTO": "KQ.G16/0001",
                    "TENGIAYTO": "Giấy khám sức khỏe",
                    "SOBANCHINH": "1",
                    "SOBANSAO": 0,
                    "TENMAUDON": "Mẫu giấy khám",
                    "URL": "https://example.vn/mau.docx",
                },
                {"MAGIAYTO": "", "TENGIAYTO": "Ảnh", "SOBANCHINH": None, "SOBANSAO": "2"},
            ],
        }
    ],
    "TRINHTUTHUCHIEN": [{"TRUONGHOP": "", "TRINHTU": [{"TENTRINHTU": "Nộp hồ sơ"}, {"TENTRINHTU": "Nhận"}]}],
    "KETQUATHUCHIEN": [{"MAKETQUA": "1", "TENKETQUA": "Giấy phép lái xe"}],
    "CANCUPHAPLY": [{"SOVANBAN": "36/2024/QH15", "TENVANBAN": "Luật"}],
    "COQUANTHUCHIEN": [{"MADONVI": "000.00.00.G01", "TENDONVI": "Phòng Cảnh sát giao thông"}],
    "YEUCAU": "Không",
}


def changed(**more: Any) -> dict[str, Any]:
    return {**copy.deepcopy(LICENCE), **more}


def test_what_the_catalogue_tells_is_read() -> None:
    found = national_catalogue.read(LICENCE, from_on=TODAY, version=3)
    known = found.procedure
    assert ("3.000347", 3, 4, 5) == (known.code, known.version, known.level, known.working_days)
    assert [(Channel.COUNTER, 5), (Channel.ONLINE, 3)] == [
        (each.channel, each.term.count) for each in known.ways
    ]
    assert [135_000, 115_000] == [each.amount_vnd for each in known.fees]
    assert {FeeKind.LE_PHI} == {each.kind for each in known.fees}
    assert ["KQ.G16-0001", "giay-to-2"] == [each.code for each in known.documents]
    assert [(1, 0), (0, 2)] == [(each.originals, each.copies) for each in known.documents]
    assert "https://example.vn/mau.docx" == known.forms[0].url
    assert ("Nộp hồ sơ", "Nhận") == known.steps_vi
    assert [] == list(procedures.faults(known))
    for channel, expected in ((Channel.COUNTER, 135_000), (Channel.ONLINE, 115_000)):
        (charge,) = charges(known.fees, Asked(TODAY, channel))
        assert expected == charge.amount_vnd


@pytest.mark.parametrize("known", procedures.catalogue().search(TODAY), ids=lambda each: each.code)
def test_what_is_exported_is_read_again_with_its_time_and_sums(known: Any) -> None:
    told = json.loads(json.dumps(national_catalogue.written(known, TODAY)))
    again = national_catalogue.read(told, from_on=TODAY).procedure
    assert (known.code, known.name_vi, known.level) == (again.code, again.name_vi, again.level)
    assert [(each.channel, each.term) for each in known.ways] == [
        (each.channel, each.term) for each in again.ways
    ]
    assert {each.code for each in known.documents} == {each.code for each in again.documents}


def test_what_it_cannot_tell_is_noted() -> None:
    times = copy.deepcopy(LICENCE["CACHTHUCTHUCHIEN"])
    times[0]["THOIGIAN"].append({"THOIGIANGIAIQUYET": 9, "DONVITINH": "Tuần", "MOTA": "", "PHILEPHI": []})
    times[0]["THOIGIAN"][0]["PHILEPHI"].append({"MAPHILEPHI": "GPLX", "SOTIEN": 1, "MOTA": "Lệ phí"})
    times[1]["THOIGIAN"][0]["PHILEPHI"][0]["SOTIEN"] = None
    found = national_catalogue.read(changed(CACHTHUCTHUCHIEN=times, MucDo=None, TRANGTHAI=0), from_on=TODAY)
    text = "\n".join(found.notes)
    for part in (
        "not in force",
        "several times",
        "'tuần' is not known",
        "several sums",
        "no SOTIEN",
        "MucDo",
    ):
        assert part in text
    assert 9 == found.procedure.term(Channel.COUNTER).count


def test_no_days_is_the_same_day_and_dollars_stay_dollars() -> None:
    fee = {"MAPHILEPHI": "NA5", "SOTIEN": 10, "DONVI": "USD", "MOTA": "Phí"}
    way = {"KENH": 1, "THOIGIAN": [{"THOIGIANGIAIQUYET": 0, "DONVITINH": "Ngày", "PHILEPHI": [fee]}]}
    known = national_catalogue.read(changed(CACHTHUCTHUCHIEN=[way]), from_on=TODAY).procedure
    assert Unit.SAME_DAY is known.ways[0].term.unit
    assert "USD" == known.fees[0].currency


WRONG: list[tuple[Any, str]] = [
    ([], "a JSON object"),
    (changed(MATTHC="H28.1"), "MATTHC is not"),
    (changed(MATTHC=None), "MATTHC is absent"),
    (changed(TENTTHC=""), "TENTTHC is absent"),
    (changed(TENTTHC=["x"]), "TENTTHC is not text"),
    (changed(TENTTHC="x" * 4_001), "longer than 4000"),
    (changed(CACHTHUCTHUCHIEN="x"), "not a list of objects"),
    (changed(CACHTHUCTHUCHIEN=[{"KENH": 4, "THOIGIAN": []}]), "none of 1, 2 and 3"),
    (changed(CACHTHUCTHUCHIEN=[{"KENH": None}]), "KENH is not a whole number"),
    (
        changed(CACHTHUCTHUCHIEN=[{"KENH": 1, "THOIGIAN": [{"THOIGIANGIAIQUYET": 1.5}]}]),
        "THOIGIANGIAIQUYET is not a whole number",
    ),
    (changed(THANHPHANHOSO=[{"GIAYTO": [{"MAGIAYTO": "x"}]}]), "TENGIAYTO is absent"),
]


@pytest.mark.parametrize(("data", "why"), WRONG)
def test_what_is_wrong_is_named(data: Any, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        national_catalogue.read(data, from_on=TODAY)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*LICENCE, "KENH"]), inner),
    max_leaves=12,
)


@given(st.sampled_from([name for name in LICENCE if name != "MATTHC"]), _json)
def test_any_json_is_read_or_refused(name: str, value: Any) -> None:
    with contextlib.suppress(Malformed):
        assert "3.000347" == national_catalogue.read(changed(**{name: value}), from_on=TODAY).procedure.code
