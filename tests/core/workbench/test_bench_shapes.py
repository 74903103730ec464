"""The notations for shapes, and what models contradict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modelport.errors import InvalidSignature
from modelport.signature import Signature, parse_inputs
from modelport.workbench.bench import shapes


def signature(*inputs: str) -> Signature:
    """Read a signature off the --input notation."""
    specs, examples = parse_inputs(inputs)
    return Signature(specs, (), examples)


IMAGE = signature("x:float32[N,3,H,H]")


def cases(*signatures: Signature, said: str = "", grid: tuple[str, ...] = ()) -> list[dict[str, int]]:
    return shapes.plan_cases(signatures, [f"model {n}" for n in range(len(signatures))], said, grid, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x=1x3x8x8", [{"x": (1, 3, 8, 8)}]),
        ("x=1x8, 16x8", [{"x": (1, 8)}, {"x": (16, 8)}]),
        ("ids=1x8,2x8; mask=1x8,2x8", [{"ids": (1, 8), "mask": (1, 8)}, {"ids": (2, 8), "mask": (2, 8)}]),
        ("x=1,2;k=5", [{"x": (1,), "k": (5,)}, {"x": (2,), "k": (5,)}]),
        ("", []),
    ],
)
def test_shapes_are_read(text: str, expected: list[Any]) -> None:
    assert shapes.parse_shapes(text) == expected


@pytest.mark.parametrize("text", ["x", "x=", "=1x3", "x=1xq", "x=0x3", "x=1x3,", "x=1,2;y=1,2,3"])
def test_shapes_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(InvalidSignature, match="shapes"):
        shapes.parse_shapes(text)


def test_a_grid_is_every_combination() -> None:
    grid = shapes.parse_grid(["N=1,8", "H=2,4"])
    assert grid == [{"N": 1, "H": 2}, {"N": 1, "H": 4}, {"N": 8, "H": 2}, {"N": 8, "H": 4}]


@pytest.mark.parametrize("texts", [["N"], ["N="], ["N=a"], ["N=0"], ["=1"], ["N=1", "N=2"]])
def test_a_grid_that_cannot_be_read_is_refused(texts: list[str]) -> None:
    with pytest.raises(InvalidSignature):
        shapes.parse_grid(texts)


def test_shapes_give_the_sizes_of_symbolic_dimensions() -> None:
    assert cases(IMAGE, said="x=2x3x8x8,4x3x16x16") == [{"N": 2, "H": 8}, {"N": 4, "H": 16}]


def test_what_nobody_says_is_as_in_the_example() -> None:
    assert cases(signature("x:float32[N=5,H=7]"), grid=("H=1,2",)) == [{"N": 5, "H": 1}, {"N": 5, "H": 2}]


def test_what_another_model_fixes_is_taken_from_it() -> None:
    assert cases(IMAGE, signature("x:float32[1,3,224,224]")) == [{"N": 1, "H": 224}]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("x=1x4x8x8", "axis 1 of its input 'x' is 3, not 4"),
        ("x=1x3x8", "4 dimensions, not 3"),
        ("x=1x3x8x9", "axis 3 of its input 'x' is 8, as H elsewhere, not 9"),
        ("y=1x3x8x8", "no input 'y'"),
    ],
)
def test_shapes_that_the_model_contradicts_are_refused(said: str, why: str) -> None:
    with pytest.raises(InvalidSignature, match=why):
        cases(IMAGE, said=said)


def test_shapes_that_only_another_model_contradicts_are_refused_naming_it() -> None:
    with pytest.raises(InvalidSignature, match="axis 0 of its input 'image' is 1, not 2") as caught:
        cases(IMAGE, signature("image:float32[1,3,8,8]"), said="x=1x3x8x8,2x3x8x8")
    assert caught.value.where == "model 1"


def test_an_unknown_dimension_suggests_the_nearest() -> None:
    with pytest.raises(InvalidSignature, match="no symbolic dimension 'batc'") as caught:
        cases(signature("x:float32[batch,4]"), grid=("batc=1",))
    assert "did you mean 'batch'" in str(caught.value)


def test_shapes_and_a_grid_together_are_refused() -> None:
    with pytest.raises(InvalidSignature, match="both"):
        cases(IMAGE, said="x=1x3x8x8", grid=("N=1",))


@pytest.mark.parametrize("other", [("x:float32[N]", "y:float32[N]"), ("x:int64[N]",)])
def test_models_of_other_inputs_are_refused(other: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSignature):
        shapes.match(signature("x:float32[N]"), signature(*other), "b")


def test_inputs_are_cast_to_the_other_models_kind_of_float() -> None:
    mine, theirs = signature("x:float32[N]", "i:int64[N]"), signature("a:float16[M]", "b:int64[M]")
    arrays = {"x": np.ones(2, np.float32), "i": np.ones(2, np.int64)}
    got = shapes.cast(arrays, shapes.match(mine, theirs, "b"))
    assert {name: array.dtype.name for name, array in got.items()} == {"a": "float16", "b": "int64"}


@pytest.mark.parametrize(
    ("given", "count"), [({"x": (8, 3)}, 8), ({"x": (8, 3), "y": (8,)}, 8), ({"x": (8,), "y": (4,)}, 1), ({"x": ()}, 1)]
)
def test_a_batch_is_the_leading_size_that_all_inputs_share(given: dict[str, tuple[int, ...]], count: int) -> None:
    assert shapes.samples_in(given) == count
