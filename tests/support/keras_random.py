"""Random functional Keras models, the same for a seed.

A model is grown step by step on symbolic tensors and, at once, on arrays: what an array shows to be constant or not finite is not
taken, and what is too large or too small is rescaled, so that outputs neither vanish nor explode.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import keras_random_steps as keras_random_steps  # registers the steps
import numpy as np
from keras import layers, ops
from keras_random_registry import STEPS, Step, pick, static, width

MOST_ELEMENTS = 2000
MOST_LAYERS = 30
_BATCH = 3
_OPEN = 6
"""The size of an open axis while a model grows."""

_STATISTICS = ("bias", "beta", "gamma", "moving_mean", "moving_variance", "scale", "alpha")


@dataclass(frozen=True)
class Value:
    """A tensor of the model under construction.

    Attributes:
        tensor: symbolic.
        probe: what it is for one batch of inputs.
        grid: equal for values whose open sizes are always equal; None where no size is open.
    """

    tensor: Any
    probe: Any
    grid: object

    @property
    def shape(self) -> tuple[int | None, ...]:
        return tuple(self.tensor.shape[1:])


def random_model(seed: int) -> keras.Model:
    """Return a functional model of 5 to 30 layers, besides its inputs; names and weights are the same for a seed."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    return _Growth(np.random.default_rng(seed)).model()


class _Growth:
    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.inputs: list[Any] = []
        self.values: list[Value] = []
        self.used: set[int] = set()
        self.grids = itertools.count()

    def model(self) -> keras.Model:
        for kind in self.rng.choice(["vector", "sequence", "image", "volume", "ids", "flags"], self.rng.integers(1, 4)):
            self._start(str(kind))
        wanted = int(self.rng.integers(5, 25))
        for _ in range(8 * wanted):
            if self._layers() >= wanted:
                break
            self._merge() if self.rng.random() < 0.25 else self._step()
        return keras.Model(self.inputs, self._outputs())

    def _layers(self) -> int:
        model = keras.Model(self.inputs, [value.tensor for value in self.values])
        return len(model.layers) - len(self.inputs)

    # --- inputs --------------------------------------------------------------------------------------------------------

    def _start(self, kind: str) -> None:
        rng, name = self.rng, f"{kind}_{len(self.inputs)}"
        open_sizes = rng.random() < 0.3
        if kind in ("ids", "flags"):
            self._start_discrete(kind, name, open_sizes)
            return
        sizes = {
            "vector": [rng.integers(4, 12)],
            "sequence": [rng.integers(4, 9), rng.integers(2, 7)],
            "image": [*rng.integers(5, 10, 2), rng.integers(2, 5)],
            "volume": [*rng.integers(3, 6, 3), rng.integers(2, 4)],
        }[kind]
        shape = tuple(int(size) for size in sizes)
        if open_sizes and kind != "volume":  # a mean over 32 ** 3 numbers is not the same to three digits everywhere
            shape = (*(None,) * (len(shape) - 1), shape[-1])
        x = keras.Input(shape, name=name)
        probe = rng.normal(size=(_BATCH, *(size or _OPEN for size in shape))).astype("float32")
        self._enter(x, ops.convert_to_tensor(probe))

    def _start_discrete(self, kind: str, name: str, open_sizes: bool) -> None:
        rng = self.rng
        length, words = int(rng.integers(4, 8)), int(rng.integers(5, 20))
        shape, sizes = (None if open_sizes else length,), (_BATCH, _OPEN if open_sizes else length)
        if kind == "flags":
            x = keras.Input(shape, dtype="bool", name=name)
            self._enter(x, ops.convert_to_tensor(rng.random(sizes) < 0.5))
            self._apply(lambda flags: ops.expand_dims(ops.where(flags, 1.0, -0.5), -1), self.values.pop(), keeps=True)
            return
        x = keras.Input(shape, dtype=pick(rng, "int32", "int64"), name=name)
        self._enter(x, ops.convert_to_tensor(rng.integers(1, words, sizes).astype(x.dtype)))
        ids = self.values.pop()
        if rng.random() < 0.3:
            self._apply(lambda ids: ops.one_hot(ids, words), ids, keeps=True)
        elif rng.random() < 0.5:
            self._apply(layers.Embedding(words, width(rng)), ids, keeps=True)
        else:  # a mask goes with it
            embedding = layers.Embedding(words, width(rng), mask_zero=True)
            reader = pick(rng, layers.LSTM(3), layers.Bidirectional(layers.GRU(2)), layers.GlobalAveragePooling1D())
            self._apply(lambda ids: reader(embedding(ids)), ids, keeps=False)

    def _enter(self, tensor: Any, probe: Any) -> None:
        self.inputs.append(tensor)
        self.values.append(Value(tensor, probe, None if static(tensor.shape[1:]) else next(self.grids)))

    # --- steps ---------------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        at = self._drawn()
        value = self.values[at]
        fitting = [item for item in STEPS if len(value.shape) in item.ranks and (item.open or static(value.shape))]
        chosen: Step = pick(self.rng, *fitting)
        made = chosen.draw(self.rng, value.shape)
        if made is not None and self._apply(made, value, keeps=chosen.keeps):
            self.used.add(at)

    def _drawn(self) -> int:
        """Choose a value, one that nothing uses yet if there is any, by and large."""
        fresh = [at for at in range(len(self.values)) if at not in self.used]
        among = fresh if fresh and self.rng.random() < 0.85 else range(len(self.values))
        return int(self.rng.choice(among))

    def _apply(self, made: Callable[..., Any], *values: Value, keeps: bool) -> bool:
        """Put a step behind values; False where its result is of no use."""
        probe = self._probed(made, [value.probe for value in values])
        if probe is None:
            return False
        tensor = made(*(value.tensor for value in values))
        if tensor.shape[-1] is None or not _as_inferred(tensor, probe):
            return False
        scale = _scale(probe)
        if scale != 1.0:
            rescaling = layers.Rescaling(scale)
            tensor, probe = rescaling(tensor), rescaling(probe)
        grid = values[0].grid if keeps else next(self.grids)
        self.values.append(Value(tensor, probe, None if static(tensor.shape[1:]) else grid))
        return True

    def _probed(self, made: Callable[..., Any], probes: Sequence[Any]) -> Any:
        """Build a step, give it statistics, and return what it makes of arrays; None for what is constant or too large."""
        made(*probes)
        _randomize(made, self.rng)
        probe = made(*probes)
        size = int(np.prod(probe.shape[1:]))
        if not 2 <= len(probe.shape) <= 5 or not 0 < size <= MOST_ELEMENTS:
            return None
        array = np.array(ops.convert_to_numpy(probe))
        return probe if np.isfinite(array).all() and array.std() > 1e-2 * np.abs(array).mean() else None

    # --- merges --------------------------------------------------------------------------------------------------------

    def _merge(self) -> None:
        first = self._drawn()
        a = self.values[first]
        alike = [at for at, b in enumerate(self.values) if at != first and b.shape == a.shape and b.grid == a.grid]
        joined = [at for at, b in enumerate(self.values) if _joinable(a, b) and at != first]
        sequences = [at for at, b in enumerate(self.values) if len(b.shape) == 2 and at != first]
        if alike and self.rng.random() < 0.6:
            second = int(self.rng.choice(alike))
            done = self._apply(self._alike(a.shape), a, self.values[second], keeps=True)
        elif joined and self.rng.random() < 0.4:
            second = int(self.rng.choice(joined))
            done = self._apply(lambda x, y: layers.Concatenate()([x, y]), a, self.values[second], keeps=True)
        elif sequences and len(a.shape) == 2:
            second = int(self.rng.choice(sequences))
            attention = layers.MultiHeadAttention(2, 3)
            done = self._apply(lambda x, y: attention(x, y), a, self.values[second], keeps=True)
        else:
            second = int(self.rng.integers(len(self.values)))
            done = second != first and self._apply(self._unlike(a.shape), a, self.values[second], keeps=True)
        if done:
            self.used |= {first, second}

    def _alike(self, shape: Sequence[int | None]) -> Callable[[Any, Any], Any]:
        """Draw a merge of two tensors of one shape, some through a layer that both share."""
        rng, last = self.rng, len(shape)
        shared = layers.Dense(width(rng), "tanh")
        made: list[Callable[[Any, Any], Any]] = [
            lambda x, y: layers.Add()([x, y]),
            lambda x, y: layers.Subtract()([x, y]),
            lambda x, y: layers.Multiply()([x, y]),
            lambda x, y: layers.Average()([x, y, x]),
            lambda x, y: layers.Maximum()([x, y]),
            lambda x, y: layers.Minimum()([x, y]),
            lambda x, y: layers.Add()([shared(x), shared(y)]),
            lambda x, y: layers.Concatenate(axis=-1)([shared(x), shared(y)]),
            lambda x, y: ops.where(x > y, x, 0.5 * (x + y)),
            lambda x, y: ops.mean(ops.stack([x, y], axis=-1), axis=-1),
            _weighted if last < 4 else _weighted_alone,
            lambda x, y: x * ops.sigmoid(y),
        ]
        if last == 1:
            made.append(lambda x, y: layers.Dot(axes=1, normalize=True)([x, y]) + x)
            made.append(lambda x, y: ops.einsum("bi,bj->bij", x, y))
        if last == 2:
            made.append(lambda x, y: layers.Dot(axes=(1, 1))([x, y]))
            made.append(lambda x, y: ops.einsum("bti,bsi->bts", x, y))
        return pick(rng, *made)

    def _unlike(self, shape: Sequence[int | None]) -> Callable[[Any, Any], Any]:
        """Draw a merge of tensors of any shapes: the second becomes a vector that scales or shifts the first's features."""
        project = layers.Dense(int(shape[-1] or 1), pick(self.rng, None, "tanh", "sigmoid"))
        merge = pick(self.rng, layers.Subtract(), layers.Multiply())

        def merged(x: Any, y: Any) -> Any:
            rank = len(y.shape) - 2
            vector = project(getattr(layers, f"GlobalAveragePooling{rank}D")()(y) if rank else y)
            return merge([x, layers.Reshape((*(1,) * (len(shape) - 1), -1))(vector) if len(shape) > 1 else vector])

        return merged

    # --- outputs -------------------------------------------------------------------------------------------------------

    def _outputs(self) -> Any:
        """Return one to three outputs, on which nearly every step bears."""
        leaves = [value for at, value in enumerate(self.values) if at not in self.used]
        count = int(self.rng.integers(1, 4))
        outputs = leaves[:count]
        for value in leaves[count:]:
            if self._layers() > MOST_LAYERS - 6:
                break
            self._apply(self._unlike(outputs[-1].shape), outputs[-1], value, keeps=True)
            outputs[-1] = self.values[-1]
        tensors = [value.tensor for value in outputs]
        if len(tensors) == 1:
            return tensors[0]
        named = {f"out_{number}": tensor for number, tensor in enumerate(tensors)}
        return pick(self.rng, tensors, named)


def _weighted(x: Any, y: Any) -> Any:
    return ops.softmax(ops.stack([x, y], axis=-1), axis=-1)[..., 0] * y


def _weighted_alone(x: Any, y: Any) -> Any:
    """Weigh volumes, which stacked have six axes: TensorFlow's softmax (oneDNN) takes no more than five."""
    return ops.softmax(x, axis=-1) * y


def _as_inferred(tensor: Any, probe: Any) -> bool:
    return all(size in (None, actual) for size, actual in zip(tensor.shape, probe.shape, strict=True))


def _joinable(a: Value, b: Value) -> bool:
    return len(a.shape) == len(b.shape) and a.shape[:-1] == b.shape[:-1] and a.grid == b.grid


def _scale(probe: Any) -> float:
    """Return what brings the root mean square near one, 1.0 where it is near already."""
    size = float(np.sqrt(np.mean(np.square(np.array(ops.convert_to_numpy(probe), np.float64)))))
    return 1.0 if 0.3 < size < 3 else float(f"{1 / size:.2g}")


def _randomize(made: Callable[..., Any], rng: np.random.Generator) -> None:
    """Move biases and statistics away from the zeros and ones that they start with."""
    for variable in _weights(made):
        if variable.name in _STATISTICS:
            drawn = rng.uniform(0.5, 1.5, variable.shape) if "mean" not in variable.name else None
            near_zero = variable.name in ("bias", "beta", "moving_mean", "alpha")
            variable.assign(rng.normal(size=variable.shape) * 0.3 if near_zero or drawn is None else drawn)


def _weights(made: Callable[..., Any]) -> list[Any]:
    """Return the weights of a layer, or of the layers that a function closes over."""
    if isinstance(made, layers.Layer):
        return list(made.weights)
    cells = [cell.cell_contents for cell in getattr(made, "__closure__", None) or ()]
    return [variable for cell in cells if isinstance(cell, layers.Layer) for variable in cell.weights]
