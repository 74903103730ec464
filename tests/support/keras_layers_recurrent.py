"""Configurations of Keras's recurrent layers and of the wrappers around them."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers
from keras_case import Case
from keras_layers_building import case, sequences

STEPS = (7, 3)
LENGTHS = (7, 1, 4, 0)
"""Full, one step, in between, and nothing but padding."""


class Forgetful(layers.Layer):
    """A recurrent cell of one's own, with two states."""

    def __init__(self, units: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.units, self.state_size = units, [units, units]

    def build(self, shape: Any) -> None:
        """Make one kernel."""
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")

    def call(self, x: Any, states: Any) -> Any:
        """Return the output and the states."""
        fast, slow = states
        fast = keras.ops.tanh(keras.ops.matmul(x, self.kernel) + fast)
        slow = 0.9 * slow + 0.1 * fast
        return fast * slow, [fast, slow]


def _masked(layer: Any, x: Any) -> Any:
    return layer(layers.Masking()(x))


def _embedded(layer: Any, x: Any) -> Any:
    return layer(layers.Embedding(5, 3, mask_zero=True)(x))


def _from(layer: Any, x: Any, *states: Any) -> Any:
    return layer(x, initial_state=list(states))


def _cell(layer: Any, x: Any, *states: Any) -> Any:
    return layer(x, list(states))


def _recurrent(name: str, states: int) -> list[Case]:
    kind, samples = getattr(layers, name), sequences(LENGTHS, *STEPS)
    return [
        case("last", lambda: kind(4), STEPS),
        case("all_open", lambda: kind(4, return_sequences=True), (None, 3)),
        case("states", lambda: kind(4, return_sequences=True, return_state=True), STEPS),
        case("backwards", lambda: kind(4, return_sequences=True, go_backwards=True), STEPS),
        case("unrolled", lambda: kind(4, unroll=True), STEPS),
        case("relu", lambda: kind(4, activation="relu", use_bias=False), STEPS),
        case("initial_state", lambda: kind(4), STEPS, *[(4,)] * states, call=_from),
        case("masked", lambda: kind(4, return_state=True), STEPS, call=_masked, samples=samples),
        case(
            "masked_all",
            lambda: kind(4, return_sequences=True, zero_output_for_mask=True),
            (None, 3),
            call=_masked,
            samples=samples,
        ),
        case("embedded", lambda: kind(4, return_sequences=True), (None,), dtype="int32", call=_embedded),
    ]


def _convolutional(name: str, *grid: int) -> list[Case]:
    kind = getattr(layers, name)
    return [
        case("last", lambda: kind(3, 3, padding="same"), (4, *grid, 2)),
        case("all_strided", lambda: kind(3, 2, strides=2, return_sequences=True), (4, *grid, 2)),
        case("states_dilated", lambda: kind(3, 2, dilation_rate=2, return_state=True), (3, *grid, 2)),
    ]


def _stacked() -> Any:
    return layers.StackedRNNCells([layers.LSTMCell(4), layers.GRUCell(3), layers.SimpleRNNCell(2)])


CASES: dict[str, list[Case]] = {
    "SimpleRNN": _recurrent("SimpleRNN", 1),
    "LSTM": _recurrent("LSTM", 2),
    "GRU": [
        *_recurrent("GRU", 1),
        case("reset_before", lambda: layers.GRU(4, reset_after=False, return_sequences=True), STEPS),
    ],
    "SimpleRNNCell": [
        case("alone", lambda: layers.SimpleRNNCell(4), (3,), (4,), call=_cell),
        case("in_rnn", lambda: layers.RNN(layers.SimpleRNNCell(4), return_sequences=True), STEPS),
    ],
    "LSTMCell": [
        case("alone", lambda: layers.LSTMCell(4), (3,), (4,), (4,), call=_cell),
        case("in_rnn", lambda: layers.RNN(layers.LSTMCell(4), return_state=True), STEPS),
    ],
    "GRUCell": [
        case("alone", lambda: layers.GRUCell(4), (3,), (4,), call=_cell),
        case("in_rnn", lambda: layers.RNN(layers.GRUCell(4, reset_after=False)), (None, 3)),
    ],
    "RNN": [
        case("own_cell", lambda: layers.RNN(Forgetful(4), return_sequences=True), STEPS),
        case("own_cell_states", lambda: layers.RNN(Forgetful(4), return_state=True), (None, 3)),
        case(
            "own_cell_masked", lambda: layers.RNN(Forgetful(4)), STEPS, call=_masked, samples=sequences(LENGTHS, *STEPS)
        ),
    ],
    "StackedRNNCells": [
        case("last", lambda: layers.RNN(_stacked()), STEPS),
        case("all_open", lambda: layers.RNN(_stacked(), return_sequences=True), (None, 3)),
    ],
    "Bidirectional": [
        case("concatenated", lambda: layers.Bidirectional(layers.LSTM(4, return_sequences=True)), (None, 3)),
        case("summed", lambda: layers.Bidirectional(layers.GRU(4), merge_mode="sum"), STEPS),
        case("states", lambda: layers.Bidirectional(layers.LSTM(4, return_state=True), merge_mode=None), STEPS),
        case(
            "masked",
            lambda: layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
            STEPS,
            call=_masked,
            samples=sequences(LENGTHS, *STEPS),
        ),
        case("embedded", lambda: layers.Bidirectional(layers.GRU(4)), (None,), dtype="int32", call=_embedded),
        case(
            "two_kinds",
            lambda: layers.Bidirectional(
                layers.GRU(4, return_sequences=True),
                backward_layer=layers.LSTM(4, return_sequences=True, go_backwards=True),
                merge_mode="ave",
            ),
            STEPS,
        ),
    ],
    "TimeDistributed": [
        case("dense", lambda: layers.TimeDistributed(layers.Dense(4)), STEPS),
        case("conv", lambda: layers.TimeDistributed(layers.Conv2D(3, 2)), (4, 6, 5, 2)),
        case(
            "masked",
            lambda: layers.TimeDistributed(layers.Dense(4)),
            STEPS,
            call=lambda layer, x: layers.LSTM(2)(_masked(layer, x)),
            samples=sequences(LENGTHS, *STEPS),
        ),
    ],
    "ConvLSTM1D": _convolutional("ConvLSTM1D", 7),
    "ConvLSTM2D": [
        *_convolutional("ConvLSTM2D", 5, 6),
        case("open", lambda: layers.ConvLSTM2D(3, 2), (None, 4, 3, 2)),
        case(
            "masked",
            lambda: layers.ConvLSTM2D(3, 2, padding="same"),
            (4, 3, 3, 2),
            call=_masked,
            samples=sequences((4, 1, 2), 4, 3, 3, 2),
        ),
    ],
    "ConvLSTM3D": _convolutional("ConvLSTM3D", 4, 5, 4),
}
