"""Small faults in a module, one at a time: the syntax tree with one node replaced by another.

Not changed: assertions (they state what cannot be), annotations, docstrings, decorators of classes, imports,
`__all__`, the text of what is raised, and the type that `cast` and `TypeVar` are told.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

SHOWN = 120
_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_TOLD_A_TYPE = frozenset({"cast", "TypeVar", "NewType"})


@dataclass(frozen=True, slots=True)
class Owner:
    """The outermost function that a fault stands in; `line` is where its code begins (at its first decorator)."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault: where it is, in words, and the lines of the statement around it. `owner` is None at module level."""

    number: int
    line: int
    lines: range
    what: str
    owner: Owner | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is: the class path, the function, the lines of the statement, and whether text counts."""

    path: str = ""
    owner: Owner | None = None
    lines: range = range(0)
    text: bool = True


@dataclass(frozen=True, slots=True)
class _Site:
    parent: ast.AST
    field: str
    index: int | None
    place: _Place
    node: ast.AST

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def mutants(source: str) -> Iterator[tuple[Mutant, ast.Module]]:
    """Each fault with the whole tree that has it. The tree is one and the same, and is whole again afterwards."""
    tree = ast.parse(source)
    number = 0
    for site in list(_sites(tree, _Place())):
        for new in _faults(site):
            ast.copy_location(new, site.node)
            ast.fix_missing_locations(new)
            line = _line(site, new)
            mutant = Mutant(number, line, site.place.lines, _told(site.node, new), site.place.owner)
            number += 1
            site.put(new)
            yield mutant, tree
            site.put(site.node)


def _line(site: _Site, new: ast.AST) -> int:
    if isinstance(site.node, ast.Dict) and isinstance(new, ast.Dict):
        return site.node.values[_changed(site.node, new)].lineno
    return getattr(site.node, "lineno", site.place.lines.start)


# --- where --------------------------------------------------------------------------------------


def _sites(parent: ast.AST, place: _Place) -> Iterator[_Site]:
    for field, value in ast.iter_fields(parent):
        if field in {"annotation", "returns", "format_spec"} or isinstance(
            parent, ast.Import | ast.ImportFrom
        ):
            continue
        if field == "decorator_list" and isinstance(parent, ast.ClassDef):
            continue
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(node, ast.AST) and not _is_left_alone(node):
                here = _entered(place, parent, field, node)
                yield _Site(parent, field, index, here, node)
                yield from _sites(node, here)


def _is_left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert | ast.expr_context):
        return True
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _TOLD_A_TYPE:
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _entered(place: _Place, parent: ast.AST, field: str, node: ast.AST) -> _Place:
    path, owner, lines, text = place.path, place.owner, place.lines, place.text
    if isinstance(parent, ast.ClassDef) and owner is None and field == "body":
        path = f"{place.path}{parent.name}."
    if isinstance(parent, _FUNCTIONS) and owner is None and field == "body":
        first = min([parent.lineno, *(each.lineno for each in parent.decorator_list)])
        owner = Owner(place.path + parent.name, first)
    if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
        body = getattr(node, "body", None)
        start = getattr(node, "lineno", lines.start)
        last = body[0].lineno - 1 if body else getattr(node, "end_lineno", start)
        lines = range(start, max(start, last) + 1)
        text = not isinstance(node, ast.Raise)
    return _Place(path, owner, lines, text)


# --- what ---------------------------------------------------------------------------------------


def _faults(site: _Site) -> Iterator[ast.AST]:
    node = site.node
    if isinstance(node, ast.expr):
        yield from _of_expression(site, node)
    elif isinstance(node, ast.stmt):
        yield from _of_statement(node)
    asked = isinstance(site.parent, ast.If | ast.IfExp | ast.While) and site.field == "test"
    sifted = isinstance(site.parent, ast.comprehension) and site.field == "ifs"
    if isinstance(node, ast.expr) and (asked or sifted) and not _is_turned(node):
        yield ast.UnaryOp(ast.Not(), node)


def _is_turned(node: ast.AST) -> bool:
    """Whether its own faults already hold the opposite."""
    return isinstance(node, ast.UnaryOp) or (isinstance(node, ast.Compare) and len(node.ops) == 1)


def _of_expression(site: _Site, node: ast.expr) -> Iterator[ast.AST]:
    match node:
        case ast.Constant():
            yield from _of_constant(site, node)
        case ast.Compare(left=left, ops=ops, comparators=others):
            for at, each in enumerate(ops):
                for new in _COMPARE[type(each)]:
                    yield ast.Compare(left, [*ops[:at], new(), *ops[at + 1 :]], others)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            yield ast.BinOp(left, _ARITHMETIC[type(op)](), right)
        case ast.Dict() | ast.Set():
            yield from _of_table(node)


def _of_table(node: ast.Dict | ast.Set) -> Iterator[ast.AST]:
    """Without one entry; and with one entry's value that of the next which has another."""
    if isinstance(node, ast.Set):
        several = node.elts if len(node.elts) > 1 else []
        yield from (ast.Set(several[:at] + several[at + 1 :]) for at in range(len(several)))
        return
    keys, values = node.keys, node.values
    for at, value in enumerate(values):
        yield ast.Dict(keys[:at] + keys[at + 1 :], values[:at] + values[at + 1 :])
        after = zip(keys[at:] + keys[:at], values[at:] + values[:at], strict=True)
        other = next((each for key, each in after if key and ast.dump(each) != ast.dump(value)), None)
        if other is not None and keys[at] and not isinstance(value, ast.Constant):
            yield ast.Dict(keys, [*values[:at], other, *values[at + 1 :]])


def _of_constant(site: _Site, node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
    elif isinstance(value, str) and site.place.text:
        yield ast.Constant(value + "X")
    elif isinstance(value, bytes) and site.place.text:
        yield ast.Constant(value + b"X")


def _of_statement(node: ast.stmt) -> Iterator[ast.AST]:
    match node:
        case ast.Return(value=value) if value and not (
            isinstance(value, ast.Constant) and value.value is None
        ):
            yield ast.Return(ast.Constant(None))
        case ast.Expr() | ast.Raise() | ast.AugAssign():
            yield ast.Pass()
            if isinstance(node, ast.AugAssign) and type(node.op) in _ARITHMETIC:
                yield ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value)
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()


def _told(old: ast.AST, new: ast.AST) -> str:
    if isinstance(old, ast.Dict) and isinstance(new, ast.Dict):
        at = _changed(old, new)
        if len(new.keys) < len(old.keys):
            return _short(f"without {_entry(old, at)}")
        return _short(f"{_entry(old, at)} gets {ast.unparse(new.values[at])}")
    if isinstance(new, ast.UnaryOp) and new.operand is old:
        return _short(f"not: {ast.unparse(old)}")
    return f"{_short(ast.unparse(old))} -> {_short(ast.unparse(new))}"


def _changed(old: ast.Dict, new: ast.Dict) -> int:
    """The place of the entry that is gone or another."""
    pairs = enumerate(zip(old.values, new.values, strict=False))
    return next((at for at, (before, after) in pairs if before is not after), len(new.values))


def _entry(table: ast.Dict, at: int) -> str:
    key = table.keys[at]
    return f"{ast.unparse(key) if key else '**'}: {ast.unparse(table.values[at])}"


def _short(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= SHOWN else f"{one[: SHOWN - 1]}…"
