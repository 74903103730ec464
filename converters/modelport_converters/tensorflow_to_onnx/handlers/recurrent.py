"""Cells of recurrent networks."""

from __future__ import annotations

from modelport_converters.tensorflow_to_onnx.handlers.forms import Form, form


@form("GRUBlockCell")
def gru_block_cell(write: Form, x: str, state: str, w_ru: str, w_c: str, b_ru: str, b_c: str) -> tuple[str, ...]:
    """One step of tf.contrib.rnn.GRUBlockCellV2: r, u, c, h."""
    (units,) = write.sizes(w_c, [1])
    gates = write("Sigmoid", write("Add", write("MatMul", write.join(x, state, axis=1), w_ru), b_ru))
    reset, update = write.several("Split", [gates, write.const([units, units])], 2, axis=1)
    both = write.join(x, write("Mul", reset, state), axis=1)
    candidate = write("Tanh", write("Add", write("MatMul", both, w_c), b_c))
    kept = write("Mul", update, write("Sub", state, candidate))
    return reset, update, candidate, write("Add", kept, candidate)
