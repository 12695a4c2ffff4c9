"""Procedures from their data files, checked: what a file says wrongly is said when it is read, and not to a citizen.

A file holds one procedure: its `code` and its `versions`, each with the fields of `domain.procedure.Procedure`.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

from gateway.domain.answers import Condition, FieldKind
from gateway.domain.catalogue import Catalogue
from gateway.domain.deadline_parts import Unit
from gateway.domain.errors import Malformed, Misconfigured
from gateway.domain.fees import Channel, FeeRule, Period
from gateway.domain.procedure import (
    ONLINE_CASE,
    WHOLE_ONLINE,
    WITH_FORMS,
    Delivery,
    PayWhen,
    Procedure,
)

_VERSIONS: Final = TypeAdapter(tuple[Procedure, ...], config=ConfigDict(extra="forbid"))
MOST_BYTES: Final = 2_000_000  # of a file


def catalogue(folder: Path | None = None) -> Catalogue:
    """The procedures that ship with the product and those of `folder`, which replace them code by code.

    Raises `Misconfigured`, naming the file and what is wrong with it.
    """
    ours = resources.files("gateway").joinpath("data", "procedures")
    read = _all((each.name, each.read_text(encoding="utf-8")) for each in ours.iterdir())
    if folder is not None:
        files = sorted(folder.glob("*.json"))
        read |= _all((each.name, _text(each)) for each in files)
    try:
        return Catalogue.of(each for versions in read.values() for each in versions)
    except ValueError as error:
        raise Misconfigured(str(error)) from None


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise Misconfigured(f"{file.name} is larger than {MOST_BYTES} bytes")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file.name} cannot be read: {type(error).__name__}") from None


def _all(files: Iterable[tuple[str, str]]) -> dict[str, tuple[Procedure, ...]]:
    found = {}
    for name, text in files:
        versions = parse(text, name)
        found[versions[0].code] = versions
    return found


def parse(text: str, name: str) -> tuple[Procedure, ...]:
    """The versions of one file. Raises `Misconfigured`, naming the file and each thing that is wrong."""
    try:
        data = json.loads(text)
        versions = read(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"])
        raise Misconfigured(f"{name}: {where}: {first['msg']}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Misconfigured(f"{name} is not a procedure's file: {error}") from None
    said = [fault for version in versions for fault in faults(version)]
    if said:
        raise Misconfigured(f"{name}: {'; '.join(said)}")
    return versions


def read(data: dict[str, Any]) -> tuple[Procedure, ...]:
    """Raises `ValueError` (also pydantic's) and `KeyError`."""
    if set(data) != {"code", "versions"}:
        raise ValueError("a file has a code and its versions")
    told = [{**each, "code": data["code"]} for each in data["versions"]]
    # by way of JSON: strict there means that a number in quotes is none, while a date and a code word may be text
    versions = _VERSIONS.validate_json(json.dumps(told), strict=True)
    if not versions:
        raise ValueError("a procedure has at least one version")
    return versions


def written(versions: tuple[Procedure, ...]) -> str:
    """The text of a file, as `parse` reads it; what is as it is by default is left out."""
    told = _VERSIONS.dump_python(versions, mode="json", exclude_defaults=True)
    for each in told:
        del each["code"]
    return json.dumps({"code": versions[0].code, "versions": told}, ensure_ascii=False, indent=2) + "\n"


def followed_by(before: tuple[Procedure, ...], new: Procedure) -> tuple[Procedure, ...]:
    """The versions with a new one, which ends the period of the last. Raises `Malformed` where it begins no later."""
    if not before:
        return (new,)
    from_on, last = new.period.from_on, before[-1]
    if from_on is None or (last.period.from_on is not None and from_on <= last.period.from_on):
        raise Malformed(f"{new.code}: version {last.version} begins on {last.period.from_on}, or later")
    ended = replace(last, period=Period(last.period.from_on, from_on - timedelta(days=1)))
    return (*before[:-1], ended, new)


def told(known: Procedure) -> dict[str, Any]:
    """One version as JSON, whole: what portals and people read."""
    shown: dict[str, Any] = _VERSIONS.dump_python((known,), mode="json")[0]
    return shown


def faults(known: Procedure) -> Iterator[str]:
    """What is wrong with one version: names of things that are not there, and levels that promise too much."""
    yield from _faults_of_level(known)
    yield from _faults_of_names(known)
    yield from _doubles(known)


def _faults_of_level(known: Procedure) -> Iterator[str]:
    if not 1 <= known.level <= WHOLE_ONLINE:
        yield f"level {known.level} is none of 1 to 4"
    if known.keep_months is not None and known.keep_months < 1:
        yield "what is known of a person is kept for at least a month"
    if known.level == WITH_FORMS and not known.forms:
        yield "level 2 has forms to download"
    if known.level >= ONLINE_CASE and not known.offers(Channel.ONLINE):
        yield "levels 3 and 4 are handed in online"
    if known.level == WHOLE_ONLINE and set(known.deliveries) <= {Delivery.COUNTER}:
        yield "level 4 brings the result home"
    if known.level == WHOLE_ONLINE and known.pay is PayWhen.AT_AGENCY:
        yield "level 4 takes the fee online"
    told = [each.term for each in known.ways if each.term.unit in {Unit.WORKING_DAYS, Unit.SAME_DAY}]
    if told and known.working_days not in {each.count for each in told}:
        yield f"no way takes {known.working_days} working days"


def _faults_of_names(known: Procedure) -> Iterator[str]:
    yield from _faults_of_conditions(known)
    documents = {each.code for each in known.documents}
    reductions = {each.code for rule in known.fees for each in rule.reductions if not each.automatic}
    for document in known.documents:
        if document.form is not None and document.form not in {each.code for each in known.forms}:
            yield f"the form {document.form} of {document.code} is not there"
        if document.reduction is not None and document.reduction not in reductions:
            yield f"{document.code} proves the reduction {document.reduction}, which is not there"
    for rule in known.fees:
        for each in rule.reductions:
            if each.evidence is not None and each.evidence not in documents:
                yield f"the evidence {each.evidence} of {each.code} is not there"


def _faults_of_conditions(known: Procedure) -> Iterator[str]:
    fields = {each.code: each for each in known.fields}
    conditions = (
        *(each.only_if for each in known.fields),
        *(each.only_if for each in known.documents),
        *(each.only_if for each in known.fees),
    )
    for condition in conditions:
        if condition is not None and condition.field not in fields:
            yield f"a condition asks for the field {condition.field}, which is not there"
    for rule in known.fees:
        field = fields.get(rule.quantity.answer) if rule.quantity is not None else None
        counts = field is not None and field.kind is FieldKind.WHOLE and field.required and not field.only_if
        if rule.quantity is not None and not counts:
            yield f"{rule.code} is counted by {rule.quantity.answer}, which is no whole number asked of all"


def _doubles(known: Procedure) -> Iterator[str]:
    for what, codes in (
        ("document", [each.code for each in known.documents]),
        ("field", [each.code for each in known.fields]),
        ("form", [each.code for each in known.forms]),
        ("way", [each.channel for each in known.ways]),
    ):
        if len(set(codes)) != len(codes):
            yield f"a {what} stands twice"
    for one in known.fees:
        for other in known.fees:
            if one is not other and one.code == other.code and _meet(one, other):
                yield f"two rules {one.code} are in force at once"


def _meet(one: FeeRule, other: FeeRule) -> bool:
    last = [each.to_on or date.max for each in (one, other)]
    days = one.from_on <= last[1] and other.from_on <= last[0]
    channels = not one.channels or not other.channels or set(one.channels) & set(other.channels)
    return days and bool(channels) and not _told_apart(one.only_if, other.only_if)


def _told_apart(one: Condition | None, other: Condition | None) -> bool:
    """Whether no answer fits both."""
    return (
        one is not None
        and other is not None
        and one.field == other.field
        and not set(one.one_of) & set(other.one_of)
    )
