"""Which modules of the tree import which, as their text says."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

LEFT_ALONE = ("_hypothesis", "pytest_")
"""pytest wants to import its plug-ins itself."""


def name_of(path: str) -> str:
    return str(Path(path).relative_to(Path.cwd()).with_suffix("")).replace("/", ".")


def without(module: str, names: Sequence[str]) -> Iterator[str]:
    """Those of the modules `names` that can be imported without `module`: not it, none that needs it, no test."""
    needs = {name: set(_needed(name)) for name in names if Path(name.partition(".")[0]).is_dir()}
    needing = {module}
    while more := {name for name, needed in needs.items() if needed & needing} - needing:
        needing |= more
    own = {"tests", *(file.stem for file in Path("tests").rglob("*.py"))}
    for name in names:
        if name not in needing and name.partition(".")[0] not in own and not name.startswith(LEFT_ALONE):
            yield name


def _needed(name: str) -> Iterator[str]:
    path = Path(name.replace(".", "/"))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.is_file():
        return
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)
