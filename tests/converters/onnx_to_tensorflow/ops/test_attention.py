"""Attention in TensorFlow with shapes that are not known, against ONNX's reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tf_models import assert_same, by_onnxruntime, by_reference, parsed, translated

from modelport.errors import UnsupportedOps

RANDOM = np.random.default_rng(0)


def floats(*shape: int) -> Any:
    """Return random values."""
    return RANDOM.normal(size=shape).astype(np.float32)


def test_batch_and_lengths_may_be_unknown_in_a_saved_model() -> None:
    model = parsed(
        """g (float[N,S,16] q, float[N,T,8] k, float[N,T,8] v, bool[S,T] m) => (float[N,S,16] y) {
        y = Attention <q_num_heads = 4, kv_num_heads = 2, softcap = 2.0> (q, k, v, m)
    }""",
        opset=23,
    )
    inputs = {"q": floats(2, 3, 16), "k": floats(2, 5, 8), "v": floats(2, 5, 8), "m": RANDOM.random((3, 5)) < 0.7}
    assert_same(translated(model, inputs, saved=True), by_reference(model, inputs))


def test_the_cache_grows_from_call_to_call() -> None:
    model = parsed(
        """g (float[N,2,S,4] q, float[N,2,S,4] k, float[N,2,S,4] v, float[N,2,P,4] a, float[N,2,P,4] b)
        => (float[N,2,S,4] y, float[N,2,T,4] c, float[N,2,T,4] d) {
        y, c, d = Attention <is_causal = 1> (q, k, v, , a, b)
    }""",
        opset=26,
    )
    step, past = (1, 2, 3, 4), (1, 2, 6, 4)
    inputs = {"q": floats(*step), "k": floats(*step), "v": floats(*step), "a": floats(*past), "b": floats(*past)}
    assert_same(translated(model, inputs, saved=True), by_reference(model, inputs))


@pytest.mark.parametrize("interleaved", [0, 1])
def test_rotary_embeddings_turn_tokens_of_unknown_number(interleaved: int) -> None:
    model = parsed(
        f"""g (float[N,S,16] x, float[9,3] c, float[9,3] s, int64[N,S] p) => (float[N,S,16] y) {{
        y = RotaryEmbedding <num_heads = 2, rotary_embedding_dim = 6, interleaved = {interleaved}> (x, c, s, p)
    }}""",
        opset=23,
    )
    inputs = {"x": floats(2, 4, 16), "c": floats(9, 3), "s": floats(9, 3), "p": RANDOM.integers(0, 9, (2, 4))}
    assert_same(translated(model, inputs), by_onnxruntime(model, inputs))


def test_linear_attention_carries_its_state_over_a_sequence_of_unknown_length() -> None:
    model = parsed(
        """g (float[N,T,8] q, float[N,T,4] k, float[N,T,6] v, float[N,2,2,3] s, float[N,T,2] d, float[N,T,1] b)
        => (float[N,T,12] y, float[N,2,2,3] e) {
        y, e = LinearAttention <q_num_heads = 4, kv_num_heads = 2> (q, k, v, s, d, b)
    }""",
        opset=27,
    )
    inputs = {"q": floats(2, 5, 8), "k": floats(2, 5, 4), "v": floats(2, 5, 6), "s": floats(2, 2, 2, 3)}
    inputs |= {"d": -abs(floats(2, 5, 2)), "b": abs(floats(2, 5, 1))}
    assert_same(translated(model, inputs, saved=True), by_reference(model, inputs))


def test_three_dimensions_without_the_number_of_heads_are_refused() -> None:
    model = parsed("g (float[1,2,4] q) => (float[1,2,4] y) { y = Attention (q, q, q) }", opset=26)
    with pytest.raises(UnsupportedOps, match="without q_num_heads"):
        translated(model, {"q": floats(1, 2, 4)})
