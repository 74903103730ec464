"""How the table of TensorFlow operators is written: one line for each case."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

EXCEPTIONS: dict[str, str] = tomllib.loads((Path(__file__).parent / "tensorflow_exceptions.toml").read_text())
"""Operators without an ONNX form, with the reason."""


@dataclass(frozen=True)
class Case:
    """A computation around one operator.

    Attributes:
        op: the operator's name in tf.raw_ops.
        call: takes a tensor for each input; returns a tensor, or a nested structure of them.
        inputs: what it is called with.
        dynamic: whether it is converted with leading dimensions of unknown size.
        take: which of the outputs are compared; None for all.
    """

    op: str
    call: Callable[..., Any]
    inputs: tuple[Any, ...]
    dynamic: bool = True
    take: tuple[int, ...] | None = None

    def outputs(self, *tensors: Any) -> list[tf.Tensor]:
        """Return the outputs to compare."""
        flat = [tensor for tensor in tf.nest.flatten(self.call(*tensors)) if isinstance(tensor, tf.Tensor)]
        return flat if self.take is None else [flat[index] for index in self.take]


@dataclass(frozen=True)
class Known:
    """A constant, where plain arrays are inputs of the model."""

    value: Any


def known(value: Any, dtype: Any = None) -> Known:
    """Return a constant: int32 where it consists of Python's integers."""
    array = np.asarray(value, dtype)
    return Known(array.astype("int32") if dtype is None and array.dtype == np.int64 else array)


_RENAMED = {"reduction_indices": "axis", "split_dim": "axis", "dim": "axis"}
_OTHERWISE = {
    "ReduceJoin": ["inputs", "reduction_indices"],
    "Select": ["condition", "x", "y"],
    "SparseSplit": ["split_dim", "indices", "values", "shape"],
    "Where": ["condition"],
}
"""What tf.raw_ops calls inputs of operator definitions: in general, and of single operators."""


def op(name: str, *arguments: Any, dynamic: bool = True, take: Sequence[int] | None = None, **attributes: Any) -> Case:
    """Return a call of an operator; arguments are its inputs in order (a list for a list), attributes go by name."""
    definition = op_def_registry.get(name)
    assert definition is not None, name
    own = [_RENAMED.get(argument.name, argument.name) for argument in definition.input_arg]
    parameters = _OTHERWISE.get(name, own)
    flat = [item for argument in arguments for item in (argument if isinstance(argument, list) else [argument])]
    inputs = tuple(np.asarray(item) for item in flat if not isinstance(item, Known))

    def call(*tensors: Any) -> Any:
        rest = iter(tensors)

        def tensor(item: Any) -> Any:
            return tf.constant(item.value) if isinstance(item, Known) else next(rest)

        values = [[tensor(item) for item in each] if isinstance(each, list) else tensor(each) for each in arguments]
        return getattr(tf.raw_ops, name)(**dict(zip(parameters, values, strict=True)), **attributes)

    return Case(name, call, inputs, dynamic, None if take is None else tuple(take))


def function(name: str, call: Callable[..., Any], *inputs: Any, dynamic: bool = True) -> Case:
    """Return a computation that TensorFlow expresses with the operator."""
    return Case(name, call, tuple(np.asarray(item) for item in inputs), dynamic)


def floats(*shape: int, dtype: str = "float32", low: float = -2.0, high: float = 2.0) -> Any:
    """Return numbers in a range, the same in every run."""
    return np.random.default_rng(sum(shape) + len(shape)).uniform(low, high, shape).astype(dtype)


def positive(*shape: int, dtype: str = "float32") -> Any:
    """Return numbers above a tenth."""
    return floats(*shape, dtype=dtype, low=0.1, high=3.0)


def integers(*shape: int, dtype: str = "int32", low: int = -9, high: int = 9) -> Any:
    """Return integers in [low, high)."""
    return np.random.default_rng(sum(shape) + 1).integers(low, high, shape).astype(dtype)


def flags(*shape: int) -> Any:
    """Return booleans."""
    return np.random.default_rng(sum(shape)).random(shape) < 0.5


def texts(*items: str) -> Any:
    """Return strings."""
    return np.array(items, dtype=object)


def table(*cases: Case) -> dict[str, list[Case]]:
    """Return the cases by operator."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(case.op, []).append(case)
    return found
