"""Which faults are put in, and that each is one: a program that compiles, and another one."""

import ast
from pathlib import Path

import pytest
from mutants import mutants

MODULES = [Path("gateway/domain/payment.py"), Path("gateway/domain/wire.py"), Path("adapters/vnpay.py")]


def told(source: str) -> list[str]:
    return [mutant.what for mutant, _ in mutants(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a == b", ["a == b -> a != b", "a == b -> pass"]),
        ("x = a < b", ["a < b -> a <= b", "a < b -> a >= b"]),
        ("x = a in b", ["a in b -> a not in b"]),
        ("x = a and b", ["a and b -> a or b"]),
        ("x = not a", ["not a -> a"]),
        ("x = a + 1", ["a + 1 -> a - 1", "1 -> 2"]),
        ("x += y", ["x += y -> pass", "x += y -> x -= y"]),
        ("x = True", ["True -> False"]),
        ("x = 'a'", ["'a' -> 'aX'"]),
        ("x = b''", ["b'' -> b'X'"]),
        ("x.y = z", ["x.y = z -> pass"]),
        ("if a:\n    b = c", ["not: a"]),
        ("x = [a for a in b if a]", ["not: a"]),
        ("def f():\n    return a", ["return a -> return None"]),
        ("raise A('text')", ["raise A('text') -> pass"]),
        ("for a in b:\n    break", ["break -> continue"]),
        ("x = {a, b}", ["{a, b} -> {b}", "{a, b} -> {a}"]),
        ("x = {a: b, c: d}", ["without a: b", "a: b gets d", "without c: d", "c: d gets b"]),
    ],
)
def test_each_kind_of_fault_is_put_in(source: str, expected: list[str]) -> None:
    assert sorted(expected) == sorted(told(source))


@pytest.mark.parametrize(
    "source",
    [
        '"""text"""',
        "from a import b",
        "__all__ = ['a']",
        "assert a == b, 'text'",
        "x: 'A'",
        "def f(a: 'A') -> 'B': ...",
        "x = cast('A', b)",
        "@dataclass(frozen=True)\nclass A: ...",
        "def f():\n    return None",
    ],
)
def test_what_nobody_runs_is_left_alone(source: str) -> None:
    assert [] == told(source)


def test_a_fault_is_named_by_its_place() -> None:
    source = (
        "class A:\n    @b\n    def c(self):\n        if d:\n            return e\n        return 1\nF = 2\n"
    )
    places = [
        (m.what, m.line, list(m.lines), m.owner and (m.owner.name, m.owner.line)) for m, _ in mutants(source)
    ]
    assert [
        ("not: d", 4, [4], ("A.c", 2)),
        ("return e -> return None", 5, [5], ("A.c", 2)),
        ("return 1 -> return None", 6, [6], ("A.c", 2)),
        ("1 -> 2", 6, [6], ("A.c", 2)),
        ("2 -> 3", 7, [7], None),
    ] == places


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_every_fault_compiles_is_another_program_and_leaves_nothing_behind(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    whole = ast.dump(ast.parse(source))
    tree = None
    for mutant, tree in mutants(source):
        assert whole != ast.dump(tree), mutant
        compile(tree, str(path), "exec")
    assert tree is None or whole == ast.dump(tree)
