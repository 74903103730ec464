"""Conditions, loops, tensor arrays and functions."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow_case import Case, floats, function

X, STEPS = floats(3, 4), np.int32(5)
YES = np.bool_(True)


def _fibonacci(n):
    return tf.while_loop(lambda i, a, b: i < n, lambda i, a, b: (i + 1, b, a + b), [0, 1, 1])


def _growing(n):
    return tf.while_loop(
        lambda i, x: i < n,
        lambda i, x: (i + 1, tf.concat([x, x[-1:] * 2], 0)),
        [0, tf.constant([1.0])],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
    )[1]


def _nested(n):
    def outer(i, total):
        return i + 1, tf.while_loop(lambda j, t: j < i, lambda j, t: (j + 1, t + j * i), [0, total])[1]

    return tf.while_loop(lambda i, t: i < n, outer, [0, 0])[1]


def _branch_in_loop(n, x):
    return tf.while_loop(
        lambda i, y: i < n, lambda i, y: (i + 1, tf.cond(tf.equal(i % 2, 0), lambda: y + 1.0, lambda: y * 2.0)), [0, x]
    )[1]


def _loop_in_branch(flag, x):
    return tf.cond(flag, lambda: tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2.0), [0, x])[1], lambda: x)


def _array(call):
    def wrapped(x):
        return call(tf.TensorArray(tf.float32, size=tf.shape(x)[0], element_shape=x.shape[1:]), x)

    return wrapped


def _running(array, x):
    def body(i, state, items):
        state = state + x[i]
        return i + 1, state, items.write(i, state)

    return tf.while_loop(lambda i, *_: i < tf.shape(x)[0], body, [0, tf.zeros_like(x[0]), array])[2].stack()


def _read(array, x):
    items = array.unstack(x)
    return tf.while_loop(
        lambda i, t: i < tf.shape(x)[0], lambda i, t: (i + 1, t * 0.5 + items.read(i)), [0, tf.zeros_like(x[0])]
    )[1]


def _dynamic_size(x):
    items = tf.TensorArray(tf.float32, size=0, dynamic_size=True, element_shape=[4])
    return tf.while_loop(lambda i, a: i < tf.shape(x)[0], lambda i, a: (i + 1, a.write(i, x[i])), [0, items])[1].stack()


def _split(x):
    items = tf.TensorArray(tf.float32, size=3, infer_shape=False).split(x, [1, 1, 1])
    return items.read(2)


def _two_arrays(x):
    a, b = (tf.TensorArray(tf.float32, size=tf.shape(x)[0], element_shape=[4]) for _ in range(2))
    _, a, b = tf.while_loop(
        lambda i, *_: i < tf.shape(x)[0], lambda i, p, q: (i + 1, p.write(i, x[i]), q.write(i, -x[i])), [0, a, b]
    )
    return a.stack(), b.stack()


@tf.function
def _inner(x):
    return tf.nn.relu(x) + 1.0


def _autograph(x, n):
    total = tf.zeros_like(x)
    for i in tf.range(n):
        if tf.reduce_sum(x) > 100.0:
            break
        if tf.equal(i, 1):
            continue
        total += x
        x = x * 1.5
    return total


CASES: list[Case] = [
    function("StatelessWhile", _fibonacci, STEPS),
    function("StatelessWhile", _growing, STEPS),
    function("StatelessWhile", _nested, STEPS),
    function("StatelessWhile", _branch_in_loop, STEPS, X),
    function("StatelessWhile", tf.function(_autograph), X, STEPS),
    function("StatelessWhile", lambda x: tf.map_fn(lambda row: row * tf.reduce_sum(row), x), X),
    function("StatelessWhile", lambda x: tf.scan(lambda a, row: a * 0.5 + row, x), X),
    function("StatelessWhile", lambda x: tf.foldl(lambda a, row: a * 0.5 + row, x), X),
    function("StatelessWhile", lambda x: tf.foldr(lambda a, row: a * 0.5 + row, x), X),
    function(
        "StatelessWhile",
        lambda x, n: tf.while_loop(
            lambda i, y: tf.logical_and(i < n, tf.reduce_max(y) < 50.0), lambda i, y: (i + 1, y * 3.0), [0, x]
        ),
        X,
        STEPS,
    ),
    function(
        "StatelessWhile",
        lambda x: tf.map_fn(
            lambda row: (row + 1.0, tf.reduce_sum(row)), x, fn_output_signature=(tf.float32, tf.float32)
        ),
        X,
    ),
    function("StatelessIf", lambda flag, x: tf.cond(flag, lambda: x * 2.0, lambda: x - 1.0), YES, X),
    function("StatelessIf", lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: x[:1], lambda: x), X),
    function("StatelessIf", _loop_in_branch, YES, X),
    function(
        "StatelessIf",
        lambda a, b, x: tf.cond(a, lambda: tf.cond(b, lambda: x, lambda: -x), lambda: x * 3.0),
        YES,
        np.bool_(False),
        X,
    ),
    function(
        "StatelessIf",
        lambda x: tf.case(
            [(tf.reduce_sum(x) > 100.0, lambda: x), (tf.reduce_sum(x) > -100.0, lambda: x * 2.0)],
            default=lambda: x * 3.0,
        ),
        X,
    ),
    *(
        function(
            "StatelessCase",
            lambda i, x: tf.switch_case(i, [lambda: x, lambda: x * 2.0, lambda: x - 1.0]),
            np.int32(index),
            X,
        )
        for index in (0, 2, 7, -1)
    ),
    function("StatelessCase", lambda i, x: tf.switch_case(i, [lambda: (x, 1), lambda: (x * 2.0, 2)]), np.int32(1), X),
    function("TensorListReserve", _array(_running), X),
    function("TensorListFromTensor", _array(_read), X),
    function("TensorListStack", _two_arrays, X),
    function("TensorListSetItem", _dynamic_size, X),
    function("TensorListGather", _array(lambda a, x: a.unstack(x).gather([2, 0])), X),
    function("TensorListScatterIntoExistingList", _array(lambda a, x: a.scatter([2, 0, 1], x).stack()), X),
    function(
        "TensorListConcatV2",
        lambda x: (
            tf.TensorArray(tf.float32, size=3, element_shape=[None, 2]).unstack(tf.reshape(x, [3, 2, 2])).concat()
        ),
        X,
    ),
    function("TensorListSplit", _split, X),
    function("TensorListGetItem", _array(lambda a, x: a.unstack(x).read(1)), X),
    function(
        "TensorListPushBack",
        lambda x: tf.raw_ops.TensorListStack(
            input_handle=tf.raw_ops.TensorListPushBack(
                input_handle=tf.raw_ops.EmptyTensorList(
                    element_shape=[4], max_num_elements=9, element_dtype=tf.float32
                ),
                tensor=x[0],
            ),
            element_shape=[4],
            element_dtype=tf.float32,
        ),
        X,
    ),
    function("PartitionedCall", _inner, X),
]
