"""Loops that are almost those of a recurrent layer: what ONNX's operators compute otherwise stays a Loop."""

import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import assert_same

from modelport_converters.onnx_graph.schemas import nodes_in

STEPS, FEATURES, UNITS = 5, 4, 3
KERNEL, RECURRENT = floats(FEATURES, 3 * UNITS, seed=1), floats(UNITS, 3 * UNITS, seed=2)
BIAS, SECOND = floats(3 * UNITS, seed=3), floats(3 * UNITS, seed=4)


def gru(given, old, order=(0, 1, 2), shift=0, mixed=lambda z, old, new: z * old + (1 - z) * new, bias=BIAS):
    """Return the state after a step; the keywords are what may differ from ONNX's GRU."""

    def gate(product, index):
        return product[:, order[index] * UNITS + shift : (order[index] + 1) * UNITS + shift]

    own, kept = tf.matmul(given, KERNEL) + bias, tf.matmul(old, RECURRENT) + SECOND
    z, r = (tf.sigmoid(gate(own, index) + gate(kept, index)) for index in (0, 1))
    return mixed(z, old, tf.tanh(gate(own, 2) + r * gate(kept, 2)))


def looped(x, step=gru, first=0, less=0, backwards=False, collected=lambda new: new):
    """Return what a step makes of [steps, batch, features], and the last state."""
    count = tf.shape(x)[0]
    end = count - less if less else count
    rounds = end - first if first else end
    states = tf.TensorArray(tf.float32, rounds)

    def body(index, old, states):
        new = step(tf.gather(x, count - 1 - index if backwards else index), old)
        return index + 1, new, states.write(index - first if first else index, collected(new))

    begin = (tf.constant(first), tf.zeros([tf.shape(x)[1], UNITS]), states)
    _, last, states = tf.while_loop(lambda index, *_: index < end, body, begin, maximum_iterations=rounds)
    return [states.stack(), last]


def ops_of(function, *arrays, **given):
    proto = assert_same(function, *arrays, rtol=1e-5, atol=1e-6, **given)
    found = [node.op_type for node in nodes_in(proto.graph.node)]
    return {kind: found.count(kind) for kind in ("GRU", "RNN", "Loop") if kind in found}


@pytest.mark.parametrize("open_axes", [None, (), (0,), (1,)])
@pytest.mark.parametrize("shape", [(STEPS, 2, FEATURES), (1, 1, FEATURES)])
def test_a_gru_that_is_written_out_is_one(shape, open_axes):
    open_axes = {0, 1} if open_axes is None else open_axes
    assert ops_of(looped, floats(*shape, seed=0), open_axes=open_axes) == {"GRU": 1}


DIFFERENT = {
    "gates in another order": {"step": lambda x, h: gru(x, h, order=(1, 0, 2))},
    "the candidate first": {"step": lambda x, h: gru(x, h, order=(2, 1, 0))},
    "the update gate for the new state": {"step": lambda x, h: gru(x, h, mixed=lambda z, h, n: (1 - z) * h + z * n)},
    "no rest": {"step": lambda x, h: gru(x, h, mixed=lambda z, h, n: z * h + (2 - z) * n)},
    "a bias for all gates": {"step": lambda x, h: gru(x, h, bias=BIAS[:1])},
    "a bias for each sequence": {"step": lambda x, h: gru(x, h, bias=floats(2, 1, seed=5))},
    "the second step first": {"first": 1},
    "one step less": {"less": 1},
    "backwards": {"backwards": True},
    "twice the state collected": {"collected": lambda new: new * 2},
    "the state twice": {"step": lambda x, h: gru(x, gru(x, h))},
    "the features twice": {"step": lambda x, h: gru(tf.tanh(x), h)},
}


@pytest.mark.parametrize("name", DIFFERENT)
@pytest.mark.parametrize("open_axes", [{0, 1}, {0}])
def test_what_differs_from_a_gru_stays_a_loop(name, open_axes):
    x = floats(STEPS, 2, FEATURES, seed=0)
    assert ops_of(lambda x: looped(x, **DIFFERENT[name]), x, open_axes=open_axes) == {"Loop": 1}


def simple(x, h, kernel=KERNEL[:, :UNITS], recurrent=RECURRENT[:, :UNITS], bias=BIAS[:UNITS]):
    return tf.nn.relu(tf.matmul(x, kernel) + bias + tf.matmul(h, recurrent))


def test_a_simple_layer_with_computed_weights_stays_a_loop():
    x = floats(STEPS, 2, FEATURES, seed=0)
    assert ops_of(lambda x: looped(x, simple), x) == {"RNN": 1}

    def computed(x, h):
        return simple(x, h, recurrent=tf.reduce_mean(h) * RECURRENT[:, :UNITS])

    assert ops_of(lambda x: looped(x, computed), x) == {"Loop": 1}
    kernel = floats(FEATURES, UNITS, seed=6)
    assert ops_of(lambda x, kernel: looped(x, lambda x, h: simple(x, h, kernel=kernel)), x, kernel) == {"Loop": 1}


def test_a_layer_over_matrices_stays_a_loop():
    x = floats(STEPS, 2, FEATURES, seed=0)
    assert ops_of(lambda x: looped(x, lambda x, h: simple(x[None], h[None])[0]), x) == {"Loop": 1}
