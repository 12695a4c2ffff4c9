"""The national catalogue's JSON of a procedure (LayThuTuc of the National portal), read and written.

Source: `specs/case.md` B4 (`CACHTHUCTHUCHIEN`: time and fee depend on the channel) and the names that portals read. It
tells what must be known of a procedure, not what a form or a rule needs: the fields of the form, conditions, dates and
evidence are added by hand, and `notes` says where.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from gateway.domain.deadline_parts import MOST_UNITS, Term, Unit
from gateway.domain.errors import Malformed
from gateway.domain.fees import NATIONAL_CHANNELS, Asked, Channel, FeeKind, FeeRule, Period, charges
from gateway.domain.procedure import (
    WITH_FORMS,
    Delivery,
    FormFile,
    Procedure,
    RequiredDocument,
    Way,
)

CODE: Final = re.compile(r"[0-9]\.[0-9]{6}(\.[0-9A-Z]{2,3})*")
IN_FORCE: Final = "1"
TEXT_LIMIT: Final = 4_000
_CHANNELS: Final = {number: channel for channel, number in NATIONAL_CHANNELS.items()}
_UNITS: Final[Mapping[str, Unit]] = {
    "ngày làm việc": Unit.WORKING_DAYS,
    "ngày": Unit.CALENDAR_DAYS,
    "giờ": Unit.WORKING_HOURS,
    "giờ làm việc": Unit.WORKING_HOURS,
}
_UNIT_NAMES: Final = {
    Unit.WORKING_DAYS: "Ngày làm việc",
    Unit.CALENDAR_DAYS: "Ngày",
    Unit.WORKING_HOURS: "Giờ làm việc",
    Unit.SAME_DAY: "Ngày làm việc",
}
_SCANS: Final = ("application/pdf", "image/jpeg", "image/png")


@dataclass(frozen=True, slots=True)
class Imported:
    """A procedure as the national catalogue tells it, and what a person has to look at before it is used."""

    procedure: Procedure
    notes: tuple[str, ...]


def read(data: Any, *, from_on: date, version: int = 1) -> Imported:
    """One procedure, in force from that day. Raises `Malformed`, naming the field."""
    if not isinstance(data, Mapping):
        raise Malformed("a procedure is a JSON object")
    code = _text(data, "MATTHC", "MaTTHC")
    if CODE.fullmatch(code) is None:
        raise Malformed("MATTHC is not a procedure's code, such as 1.004222")
    notes: list[str] = []
    if str(data.get("TRANGTHAI", IN_FORCE)) != IN_FORCE:
        notes.append("TRANGTHAI says that it is not in force")
    ways, fees = _ways(data, from_on, notes)
    documents, forms = _documents(data, notes)
    fields = _objects(data, "LINHVUCTHUCHIEN") or [{}]
    days = [each.term.count for each in ways if each.term.unit is Unit.WORKING_DAYS]
    known = Procedure(
        code=code,
        name_vi=_text(data, "TENTTHC"),
        name_en=_maybe(data, "TENTTHC"),
        level=_level(data, forms, notes),
        field=_maybe(fields[0], "TENLINHVUC"),
        field_code=_maybe(fields[0], "MALINHVUC"),
        result_vi="; ".join(_maybe(each, "TENKETQUA") for each in _objects(data, "KETQUATHUCHIEN")),
        working_days=max(days, default=0),
        legal_basis="; ".join(
            _joined(each, "SOVANBAN", "TENVANBAN") for each in _objects(data, "CANCUPHAPLY")
        ),
        documents=documents,
        fees=fees,
        version=version,
        period=Period(from_on, None),
        agency_vi="; ".join(_maybe(each, "TENDONVI") for each in _objects(data, "COQUANTHUCHIEN")),
        applicants_vi=_maybe(data, "MOTADOITUONGTHUCHIEN"),
        conditions_vi=_maybe(data, "YEUCAU"),
        steps_vi=_steps(data),
        ways=ways,
        forms=forms,
        deliveries=(Delivery.ONLINE, Delivery.COUNTER, Delivery.POST),
        unconfirmed=("name_en", "fees") if fees else ("name_en",),
    )
    return Imported(known, tuple(dict.fromkeys(notes)))


def _level(data: Mapping[str, Any], forms: tuple[FormFile, ...], notes: list[str]) -> int:
    """`MucDo` 4, 3 or 2 as portals write it (NĐ 42/2022: toàn trình, một phần); without it, what the forms allow."""
    given = str(data.get("MucDo") or data.get("MUCDO") or "")
    if given in {"2", "3", "4"}:
        return int(given)
    notes.append("MucDo is absent: the level follows from whether there are forms")
    return WITH_FORMS if forms else 1


def _ways(
    data: Mapping[str, Any], from_on: date, notes: list[str]
) -> tuple[tuple[Way, ...], tuple[FeeRule, ...]]:
    ways: dict[Channel, Way] = {}
    fees: list[FeeRule] = []
    for told in _objects(data, "CACHTHUCTHUCHIEN"):
        channel = _CHANNELS.get(_whole(told.get("KENH"), "KENH"))
        if channel is None:
            raise Malformed("KENH is none of 1, 2 and 3")
        times = _objects(told, "THOIGIAN")
        if len(times) > 1 or channel in ways:
            notes.append(
                f"KENH {told['KENH']} has several times: the longest counts, the others are in its note"
            )
        for time in times:
            way = _way(channel, time, notes)
            before = ways.get(channel)
            ways[channel] = way if before is None or way.term.count > before.term.count else before
            fees += _fees(time, channel, from_on, notes)
    return tuple(ways.values()), _once_each(fees, notes)


def _way(channel: Channel, time: Mapping[str, Any], notes: list[str]) -> Way:
    term = _whole(time.get("THOIGIANGIAIQUYET"), "THOIGIANGIAIQUYET")
    if not 0 <= term <= MOST_UNITS:
        raise Malformed(f"THOIGIANGIAIQUYET is none of 0 to {MOST_UNITS}")
    words = _maybe(time, "DONVITINH").casefold()
    unit = _UNITS.get(words)
    if unit is None:
        notes.append(f"DONVITINH {words!r} is not known: taken as working days")
        unit = Unit.WORKING_DAYS
    return Way(channel, Term(term, unit if term else Unit.SAME_DAY), _maybe(time, "MOTA"))


def _fees(time: Mapping[str, Any], channel: Channel, from_on: date, notes: list[str]) -> Iterable[FeeRule]:
    for number, told in enumerate(_objects(time, "PHILEPHI"), 1):
        if told.get("SOTIEN") in (None, ""):
            notes.append("a PHILEPHI has no SOTIEN: the agency says the sum")
            continue
        name = _maybe(told, "MOTA") or "Phí, lệ phí"
        unit = _maybe(told, "DONVI").casefold()
        currency = "USD" if "usd" in unit or "đô la" in unit else "VND"
        yield FeeRule(
            kind=FeeKind.LE_PHI if name.casefold().startswith("lệ phí") else FeeKind.PHI,
            code=_maybe(told, "MAPHILEPHI") or f"PHI-{number:02d}",
            name=name,
            amount_vnd=_whole(told["SOTIEN"], "SOTIEN"),
            from_on=from_on,
            to_on=None,
            legal_basis="",
            channels=(channel,),
            currency=currency,
        )


def _once_each(fees: list[FeeRule], notes: list[str]) -> tuple[FeeRule, ...]:
    """One rule a code and channel: the catalogue writes several sums where the text says whose they are."""
    found: dict[tuple[str, Channel], FeeRule] = {}
    for each in fees:
        key = (each.code, each.channels[0])
        if key in found and found[key].amount_vnd != each.amount_vnd:
            notes.append(
                f"{each.code} has several sums: the first stands, the others are rules or reductions"
            )
        found.setdefault(key, each)
    if found:
        notes.append("whether a sum is phí or lệ phí, and its legal basis, is for a person to say")
    return tuple(found.values())


def _documents(
    data: Mapping[str, Any], notes: list[str]
) -> tuple[tuple[RequiredDocument, ...], tuple[FormFile, ...]]:
    documents: dict[str, RequiredDocument] = {}
    forms: dict[str, FormFile] = {}
    cases = _objects(data, "THANHPHANHOSO")
    if len(cases) > 1:
        notes.append(
            "THANHPHANHOSO has several cases: which documents belong to which is for a person to say"
        )
    for number, told in enumerate((each for case in cases for each in _objects(case, "GIAYTO")), 1):
        code = (
            re.sub(r"[^A-Za-z0-9._-]", "-", _maybe(told, "MAGIAYTO"))[:40].strip("-._") or f"giay-to-{number}"
        )
        link, name = _maybe(told, "URL"), _text(told, "TENGIAYTO")
        if link:
            forms[code] = FormFile(code, _maybe(told, "TENMAUDON") or name, "", link)
        documents[code] = RequiredDocument(
            code=code,
            name_vi=name,
            name_en=name,
            required=len(cases) == 1,
            media_types=_SCANS,
            originals=_whole(told.get("SOBANCHINH") or 0, "SOBANCHINH"),
            copies=_whole(told.get("SOBANSAO") or 0, "SOBANSAO"),
            form=code if link else None,
        )
    return tuple(documents.values()), tuple(forms.values())


def _steps(data: Mapping[str, Any]) -> tuple[str, ...]:
    given = data.get("TRINHTUTHUCHIEN")
    if isinstance(given, str):
        return (given.strip(),) if given.strip() else ()
    steps = (each for case in _objects(data, "TRINHTUTHUCHIEN") for each in _objects(case, "TRINHTU"))
    return tuple(filter(None, (_maybe(each, "TENTRINHTU") for each in steps)))


def _objects(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """A list of objects, empty when absent. Raises `Malformed`."""
    given = data.get(name) or []
    if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
        raise Malformed(f"{name} is not a list of objects")
    return given


def _text(data: Mapping[str, Any], *names: str) -> str:
    found = next(filter(None, (_maybe(data, name) for name in names)), "")
    if not found:
        raise Malformed(f"{names[0]} is absent")
    return found


def _maybe(data: Mapping[str, Any], name: str) -> str:
    given = data.get(name)
    if given is None:
        return ""
    if not isinstance(given, str | int | float) or isinstance(given, bool):
        raise Malformed(f"{name} is not text")
    text = str(given).strip()
    if len(text) > TEXT_LIMIT:
        raise Malformed(f"{name} is longer than {TEXT_LIMIT} characters")
    return text


def _joined(data: Mapping[str, Any], *names: str) -> str:
    return " ".join(filter(None, (_maybe(data, name) for name in names)))


def _whole(given: object, name: str) -> int:
    """A whole number, also in a string or as `200000.0`, as portals write it. Raises `Malformed`."""
    text = str(given).strip()
    if isinstance(given, bool) or re.fullmatch(r"-?[0-9]{1,15}(\.0+)?", text) is None:
        raise Malformed(f"{name} is not a whole number")
    return int(text.partition(".")[0])


def written(known: Procedure, on: date) -> dict[str, Any]:
    """A procedure in the catalogue's shape, with the fees of that day."""
    return {
        "MATTHC": known.code,
        "TENTTHC": known.name_vi,
        "MucDo": str(known.level),
        "TRANGTHAI": IN_FORCE,
        "LINHVUCTHUCHIEN": [{"MALINHVUC": known.field_code, "TENLINHVUC": known.field}],
        "COQUANTHUCHIEN": [{"MADONVI": "", "TENDONVI": known.agency_vi}],
        "MOTADOITUONGTHUCHIEN": known.applicants_vi,
        "YEUCAU": known.conditions_vi,
        "TRINHTUTHUCHIEN": [{"TRUONGHOP": "", "TRINHTU": [{"TENTRINHTU": each} for each in known.steps_vi]}],
        "CACHTHUCTHUCHIEN": [_written_way(known, each, on) for each in known.ways],
        "THANHPHANHOSO": [
            {"TRUONGHOP": "", "GIAYTO": [_written_document(known, e) for e in known.documents]}
        ],
        "KETQUATHUCHIEN": [{"MAKETQUA": "", "TENKETQUA": known.result_vi}],
        "CANCUPHAPLY": [{"SOVANBAN": known.legal_basis, "TENVANBAN": ""}],
    }


def _written_way(known: Procedure, way: Way, on: date) -> dict[str, Any]:
    every = (replace(each, only_if=None) for each in known.fees)
    rules = [each for each in every if each.owed(Asked(on, way.channel))]
    return {
        "KENH": NATIONAL_CHANNELS[way.channel],
        "THOIGIAN": [
            {
                "THOIGIANGIAIQUYET": way.term.count,
                "DONVITINH": _UNIT_NAMES[way.term.unit],
                "MOTA": way.note_vi,
                "PHILEPHI": [_written_fee(each, Asked(on, way.channel)) for each in rules],
            }
        ],
    }


def _written_fee(rule: FeeRule, asked: Asked) -> dict[str, Any]:
    plain = rule.currency == "VND" and rule.quantity is None
    amount = charges([rule], asked)[0].amount_vnd if plain else rule.amount_vnd
    return {
        "MAPHILEPHI": rule.code,
        "SOTIEN": amount,
        "DONVI": "Đồng" if rule.currency == "VND" else rule.currency,
        "MOTA": rule.name,
    }


def _written_document(known: Procedure, each: RequiredDocument) -> dict[str, Any]:
    form = next((form for form in known.forms if form.code == each.form), None)
    return {
        "MAGIAYTO": each.code,
        "TENGIAYTO": each.name_vi,
        "SOBANCHINH": each.originals,
        "SOBANSAO": each.copies,
        "TENMAUDON": "" if form is None else form.name_vi,
        "URL": "" if form is None else form.url,
    }
