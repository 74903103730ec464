"""Options of plugins: defaults, declared types, names near a mistyped one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fakes import FakeFramework

from modelport import errors
from modelport.plugins.options import lossy_options, parse_options
from modelport.spec import Option

FRAMEWORK = FakeFramework().framework()


def test_defaults_fill_in_what_was_not_said() -> None:
    assert parse_options(FRAMEWORK, {}) == {"depth": 2, "mode": "fast", "strict": False, "rate": None}


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("depth", "3", 3), ("depth", 3, 3), ("mode", "slow", "slow"), ("strict", "yes", True), ("strict", "False", False),
        ("strict", True, True), ("rate", "0.5", 0.5), ("rate", 1, 1.0), ("rate", None, None),
    ],
)  # fmt: skip
def test_an_option_is_read_as_its_declared_type(name: str, given: Any, value: Any) -> None:
    read = parse_options(FRAMEWORK, {name: given})[name]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("depth", "3.5"), ("depth", 3.5), ("depth", True), ("depth", None), ("mode", "medium"), ("mode", 3),
        ("strict", "maybe"), ("strict", 1), ("rate", "often"), ("rate", False),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(name: str, given: Any) -> None:
    with pytest.raises(errors.InvalidOption, match=name) as caught:
        parse_options(FRAMEWORK, {name: given})
    assert caught.value.remedy


def test_lossy_options_are_those_that_are_not_at_their_default() -> None:
    options = (Option("bits", "int", 32, "How many.", lossy=True), Option("depth", "int", 2, "How deep."))
    framework = replace(FRAMEWORK, options=options)
    assert lossy_options(framework, parse_options(framework, {"bits": 8, "depth": 3})) == ["bits=8"]
    assert lossy_options(framework, parse_options(framework, {"bits": 32})) == []


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(errors.InvalidOption) as caught:
        parse_options(FRAMEWORK, {"detph": 1})
    assert "did you mean 'depth'" in str(caught.value.remedy)
