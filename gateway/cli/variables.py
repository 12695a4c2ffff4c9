"""The settings as environment variables, and their document."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr

from gateway.config import Settings

MADE = "<!-- made by `make docs` from the code; do not edit -->\n"


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its name, the type and the default in words, what it is for."""

    name: str
    type: str
    default: str
    about: str
    secret: bool
    group: str = ""


OBJECT = "JSON object"
"""The type of a variable whose parts may be variables too, with `__` before their names."""

TYPES: Mapping[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    SecretStr: "text",
    list[int]: "JSON list of whole numbers",
    list[dict[str, Any]]: "JSON list of objects",
    dict[int, str]: OBJECT,
    dict[str, dict[str, Any]]: "JSON object, **secret**",
    frozenset[str]: "JSON list",
}


def variables() -> tuple[Variable, ...]:
    """Every variable in the order of `gateway.config.Settings`, those of partners after the plain ones."""
    return tuple(sorted(_variables(Settings, "GATEWAY_", ""), key=lambda each: bool(each.group)))


def _variables(model: type[BaseModel], prefix: str, group: str) -> Iterator[Variable]:
    for name, field in model.model_fields.items():
        kind = _kind(field.annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _variables(kind, f"{prefix}{name.upper()}__", name)
            continue
        yield Variable(
            name=f"{prefix}{name.upper()}",
            type=TYPES.get(kind, "path"),
            default="must be given" if field.is_required() else _default(field.default),
            about=field.description or "",
            secret=kind is SecretStr,
            group=group,
        )


def _kind(annotation: object) -> object:
    """The type of a field; of `X | None` it is X."""
    if get_origin(annotation) is UnionType:
        return next(each for each in get_args(annotation) if each is not type(None))
    return annotation


def _default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        return f"`{json.dumps(value)}`"
    if isinstance(value, frozenset | list) and not value:
        return "`[]`"
    if isinstance(value, list):
        runs = [(each, len(list(run))) for each, run in groupby(value)]
        return ", ".join(f"{each}" if many == 1 else f"{each} ({many} times)" for each, many in runs)
    return f"`{value}`"


def settings_text() -> str:
    """`docs/settings.md`."""
    found = variables()
    head = (
        f"# Settings\n\n{MADE}\nRead once from the environment at the start of a process, and never written. "
        "`python -m gateway check` says whether they hold together. A secret is never shown or logged.\n"
    )
    lines = [head]
    for group, members in groupby(found, key=lambda each: each.group):
        if group:
            about = Settings.model_fields[group].description
            lines += ["", f"## {group}", "", f"{about} All that must be given, or none.", ""]
        lines += ["| variable | type | default | what for |", "| --- | --- | --- | --- |"]
        for each in members:
            kind = f"{each.type}, **secret**" if each.secret else each.type
            lines.append(f"| `{each.name}` | {kind} | {each.default} | {each.about} |")
    return "\n".join([*lines, ""])
