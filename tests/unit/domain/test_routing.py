"""Which providers a payment is offered, and in which order: by rules, shares, and who is up."""

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import Misconfigured
from gateway.domain.routing import LARGEST_SHARE, MOST_RULES, Group, Route, choose, read

NAMES = ("vnpay", "dvcqg", "keypay", "paygov", "vietqr")
ALL_UP = dict.fromkeys(NAMES, True)


def route(*groups: Group, agency: str = "*", procedure: str = "*") -> Route:
    return Route(agency, procedure, groups)


def chosen(*rules: Route, **changes: Any) -> tuple[str, ...]:
    given_ = {"agency": "H28", "procedure": "2.000488", "key": "pay_1", "usable": ALL_UP}
    return choose(rules, **{**given_, **changes})


SHARES = st.integers(0, 5)


@st.composite
def routes(draw: st.DrawFn) -> Route:
    """A rule of some of the names, in one to three groups of which each has a share above 0."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    cuts = draw(st.lists(st.integers(1, len(names)), max_size=2, unique=True))
    ends = sorted({*cuts, len(names)})
    groups = [names[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    shares = [[draw(SHARES) for _ in group] for group in groups]
    return route(
        *(
            tuple((name, share + (place == 0)) for place, (name, share) in enumerate(zip(g, s, strict=True)))
            for g, s in zip(groups, shares, strict=True)
        )
    )


KEYS = st.text(max_size=8)
HEALTH = st.fixed_dictionaries(dict.fromkeys(NAMES, st.booleans()))


@given(routes(), KEYS, HEALTH, st.none() | st.sampled_from(NAMES))
def test_each_provider_of_the_rule_is_offered_once_whoever_is_down(
    rule: Route, key: str, usable: dict[str, bool], wanted: str | None
) -> None:
    order = chosen(rule, key=key, usable=usable, wanted=wanted)
    assert sorted(name for group in rule.groups for name, _ in group) == sorted(order)


@given(routes(), KEYS, HEALTH, st.none() | st.sampled_from(NAMES))
def test_those_that_are_down_come_last_and_all_others_keep_their_order(
    rule: Route, key: str, usable: dict[str, bool], wanted: str | None
) -> None:
    order = chosen(rule, key=key, usable=usable, wanted=wanted)
    of_all_up = chosen(rule, key=key, wanted=wanted)
    up = [name for name in of_all_up if usable[name]]
    assert (*up, *(name for name in of_all_up if not usable[name])) == order


@given(routes(), KEYS)
def test_a_group_comes_before_the_next_and_only_its_first_is_drawn(rule: Route, key: str) -> None:
    order = list(chosen(rule, key=key))
    assert tuple(order) == chosen(rule, key=key), "the same key, the same order"
    for group in rule.groups:
        names, part = [name for name, _ in group], order[: len(group)]
        del order[: len(group)]
        assert dict(group)[part[0]] > 0
        assert [name for name in names if name != part[0]] == part[1:]


@given(routes(), KEYS, st.sampled_from(NAMES))
def test_the_wanted_one_comes_first_where_it_is_offered_and_changes_nothing_else(
    rule: Route, key: str, wanted: str
) -> None:
    order, without = chosen(rule, key=key, wanted=wanted), chosen(rule, key=key)
    assert (without if wanted not in without else (wanted, *(n for n in without if n != wanted))) == order


def test_a_wanted_one_that_is_down_comes_behind_those_that_are_up() -> None:
    usable = {"vnpay": True, "dvcqg": False, "keypay": False}
    assert ("vnpay", "keypay", "dvcqg") == chosen(usable=usable, wanted="keypay")


def test_without_a_rule_that_fits_every_provider_is_offered_by_name() -> None:
    by_name = ("dvcqg", "keypay", "paygov", "vietqr", "vnpay")
    assert by_name == chosen()
    assert by_name == chosen(route((("vnpay", 1),), agency="H15"))


def test_the_first_rule_that_fits_decides() -> None:
    rules = [
        route((("paygov", 1),), agency="H28.1"),
        route((("keypay", 1),), agency="H28", procedure="1.*"),
        route((("vnpay", 1),), agency="H2*", procedure="2.000488"),
        route((("dvcqg", 1),)),
    ]
    assert ("vnpay",) == chosen(*rules)
    assert ("keypay",) == chosen(*rules, procedure="1.000001")
    assert ("dvcqg",) == chosen(*rules, procedure="2.0004889")
    assert ("dvcqg",) == chosen(*rules, agency="H3.28")
    assert ("vnpay",) == chosen(*rules, agency="H28.2")
    assert ("paygov",) == chosen(*rules, agency="H28.1", procedure="1.000001")


def test_the_first_of_a_group_is_drawn_by_the_shares() -> None:
    rule = route((("vnpay", 70), ("dvcqg", 30), ("keypay", 0)))
    firsts = Counter(chosen(rule, key=f"pay_{number}")[0] for number in range(4000))
    assert {"vnpay", "dvcqg"} == set(firsts)
    assert 0.67 < firsts["vnpay"] / 4000 < 0.73


def test_each_group_draws_by_itself() -> None:
    rule = route((("vnpay", 1), ("dvcqg", 1)), (("paygov", 1), ("vietqr", 1)))
    orders = [chosen(rule, key=f"pay_{number}") for number in range(4000)]
    pairs = Counter((order[0], order[2]) for order in orders)
    assert 4 == len(pairs)
    assert {True} == {0.22 < many / 4000 < 0.28 for many in pairs.values()}


def test_a_provider_of_a_rule_that_nobody_can_pay_at_now_is_not_offered() -> None:
    rule = route((("vnpay", 1), ("dvcqg", 1)), (("vietqr", 1),))
    assert {"vnpay", "vietqr"} == set(chosen(rule, usable={"vnpay": True, "vietqr": True}))


# --- reading ------------------------------------------------------------------------------------


def test_rules_are_read_as_they_stand() -> None:
    data = [
        {"agency": "H28", "procedure": "2.*", "groups": [{"vnpay": 70, "dvcqg": 30}, {"vietqr": 1}]},
        {"groups": [{"dvcqg": 1}]},
    ]
    assert (
        route((("vnpay", 70), ("dvcqg", 30)), (("vietqr", 1),), agency="H28", procedure="2.*"),
        route((("dvcqg", 1),)),
    ) == read(data, NAMES)


GROUPS = [{"vnpay": 1}]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({}, "groups is a list of at least one object"),
        ({"groups": []}, "groups is a list of at least one object"),
        ({"groups": {"vnpay": 1}}, "groups is a list of at least one object"),
        ({"groups": [{}]}, "a group is an object of at least one provider"),
        ({"groups": ["vnpay"]}, "a group is an object of at least one provider"),
        ({"groups": [{"momo": 1}]}, "nobody can pay at a provider momo"),
        ({"groups": [{"vnpay": -1}]}, "the share of vnpay is a whole number from 0 to 1000"),
        ({"groups": [{"vnpay": True}]}, "the share of vnpay is a whole number"),
        ({"groups": [{"vnpay": 0.5}]}, "the share of vnpay is a whole number"),
        ({"groups": [{"vnpay": LARGEST_SHARE + 1}]}, "the share of vnpay is a whole number"),
        ({"groups": [{"vnpay": 0}]}, "in each group somebody has a share above 0"),
        ({"groups": [{"vnpay": 1}, {"vnpay": 1}]}, "vnpay stands there twice"),
        ({"groups": GROUPS, "agency": ""}, "agency is a code"),
        ({"groups": GROUPS, "agency": None}, "agency is a code"),
        ({"groups": GROUPS, "procedure": "2.*.1"}, "procedure is a code"),
        ({"groups": GROUPS, "procedures": "2.*"}, "there is no procedures"),
    ],
)
def test_a_rule_that_is_wrong_is_named_by_its_number(rule: dict[str, object], told: str) -> None:
    with pytest.raises(Misconfigured, match=f"^GATEWAY_ROUTES: rule 2: {told}"):
        read([{"groups": GROUPS}, rule], NAMES)


def test_the_largest_share_is_one_and_what_is_told_of_a_wrong_name_is_short() -> None:
    (rule,) = read([{"groups": [{"vnpay": LARGEST_SHARE, "dvcqg": 0}]}], NAMES)
    assert ((("vnpay", 1000), ("dvcqg", 0)),) == rule.groups
    with pytest.raises(Misconfigured, match=r"at a provider x{40}$"):
        read([{"groups": [{"x" * 41: 1}]}], NAMES)
    with pytest.raises(Misconfigured, match=r"there is no x{100}$"):
        read([{"groups": GROUPS, "x" * 101: 1}], NAMES)


def test_too_many_rules_are_not_read() -> None:
    assert MOST_RULES == len(read([{"groups": GROUPS}] * MOST_RULES, NAMES))
    with pytest.raises(Misconfigured, match="more than 1000 rules"):
        read([{"groups": GROUPS}] * (MOST_RULES + 1), NAMES)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["vnpay", "H28", "*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["agency", "procedure", "groups", "vnpay", "dvcqg"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["agency", "procedure", "groups", "x"]), JSON), max_size=3))
def test_whatever_json_stands_there_it_is_read_or_refused_by_its_name(data: list[dict[str, Any]]) -> None:
    with suppress(Misconfigured):
        rules = read(data, NAMES)
        assert len(data) == len(rules)
        assert choose(rules, agency="H28", procedure="2.000488", key="pay_1", usable=ALL_UP)
