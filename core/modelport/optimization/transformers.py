"""The level for transformers: attention becomes one operator.

onnxscript's fusions know what PyTorch's current exporter writes, and read no weights; onnxruntime.transformers knows older
exporters. The first is tried first, then every model type of the second; what fuses the most attention is kept.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections import Counter

import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from modelport.errors import CannotConvert
from modelport.model import attach, detach

ATTENTION = ("Attention", "MultiHeadAttention", "GroupQueryAttention", "DecoderMaskedMultiHeadAttention")
MODEL_TYPES = ("bert", "gpt2", "vit", "bert_tf", "bert_keras", "t5", "bart", "clip")
"""Tried in this order: encoders, decoders, images, then what other exporters write, then pairs of encoder and decoder."""

_DOMAIN = "com.microsoft"
_SPLITS_HEADS = ((0, 2, 1, 3), (0, 2, 3, 1))
"""The transpositions that bring the axis of heads before that of positions."""


def fuse(model: ir.Model) -> ir.Model:
    """Fuse attention; the model is used up.

    Raises:
        CannotConvert: when no attention is found.
    """
    heads, hidden = find_heads(model)
    if heads:
        fused = _by_onnxscript(model.clone())
        if _attentions(fused):
            return _imported(fused)
        for model_type in MODEL_TYPES:
            fused = _by_onnxruntime(model, model_type, heads, hidden)
            if _attentions(fused):
                return _imported(fused)
    found = (
        f"{heads} heads of {hidden // heads} are there, but in no known arrangement" if heads else "no heads are split"
    )
    raise CannotConvert(
        f"no attention was found that could be fused: {found}",
        where="--level transformer",
        remedy="use --level portable or --level ort: this level is for BERT, GPT-2, ViT and their like",
    )


def find_heads(model: ir.Model) -> tuple[int, int]:
    """Read the number of attention heads and the hidden size off the graph.

    Where heads are split, a tensor is reshaped to [batch, positions, heads, size of a head] and transposed; the most frequent
    such shape counts. Returns (0, 0) where there is none, or no Softmax that attention could be made of.
    """
    shaped = _with_shapes(model)
    nodes = list(shaped.graph.all_nodes())
    if not any(node.op_type == "Softmax" for node in nodes):
        return 0, 0
    seen = Counter(
        found
        for node in nodes
        if node.op_type == "Transpose"
        and "perm" in node.attributes
        and tuple(node.attributes["perm"].value) in _SPLITS_HEADS
        if (found := _split_of(node.inputs[0])) is not None
    )
    if not seen:
        return 0, 0
    heads, size = seen.most_common(1)[0][0]
    return heads, heads * size


def _split_of(value: ir.Value | None) -> tuple[int, int] | None:
    """Return the last two sizes of what a Reshape makes, from its inferred shape or its operands."""
    node = value.producer() if value is not None else None
    if value is None or node is None or node.op_type != "Reshape":
        return None
    heads, size = tuple(value.shape)[2:] if value.shape is not None else (None, None)
    if not isinstance(heads, int) or not isinstance(size, int):
        heads, size = ([None, None, *_sizes(node.inputs[1])])[-2:]
    data = node.inputs[0]
    if heads == -1 and size and data is not None and data.shape is not None and isinstance(data.shape[-1], int):
        heads = data.shape[-1] // size
    return (heads, size) if heads and size and heads > 0 and size > 0 else None


def _sizes(value: ir.Value | None) -> list[int | None]:
    """Return the elements of a shape operand: a constant, or a Concat of constants and what is known only when it runs."""
    if value is None:
        return []
    constant = ir.convenience.get_const_tensor(value)
    if constant is not None:
        return [int(size) for size in constant.numpy().ravel()]
    node = value.producer()
    if node is None or node.op_type != "Concat":
        return [None]
    return [size for part in node.inputs for size in _sizes(part)]


def _with_shapes(model: ir.Model) -> ir.Model:
    copy = model.clone()
    weights = detach(copy)
    inferred = onnx.shape_inference.infer_shapes(ir.to_proto(ir.external_data.load_to_model(copy)), data_prop=True)
    result = ir.from_proto(inferred)
    attach(result, weights)
    return result


def _by_onnxscript(model: ir.Model) -> ir.Model:
    from onnxscript.rewriter.ort_fusions import optimize_for_ort

    fused: ir.Model = optimize_for_ort(model)[0]
    _flatten_for_gemm(fused)
    return fused


def _flatten_for_gemm(model: ir.Model) -> None:
    """Put back the Reshape before the Gemm of GPT-2: the fusion takes it for the one that joins the heads."""
    for node in list(model.graph.all_nodes()):
        first = node.inputs[0] if node.op_type == "Gemm" else None
        attention = first.producer() if first is not None else None
        if attention is None or attention.op_type not in ATTENTION:
            continue
        columns = node.inputs[1]
        assert columns is not None
        assert columns.shape is not None
        width = columns.shape[node.attributes.get_int("transB", 0)]
        assert isinstance(width, int)
        shape = ir.node("Constant", [], {"value": ir.tensor([-1, width], ir.DataType.INT64)})
        flat = ir.node("Reshape", [first, shape.outputs[0]])
        node.graph.insert_before(node, [shape, flat])  # type: ignore[union-attr]
        node.replace_input_with(0, flat.outputs[0])


def _by_onnxruntime(model: ir.Model, model_type: str, heads: int, hidden: int) -> ir.Model:
    from onnxruntime.transformers import optimizer

    logging.getLogger("onnxruntime.transformers").setLevel(logging.ERROR)
    logging.getLogger("optimizer").setLevel(logging.ERROR)
    whole = ir.to_proto(ir.external_data.load_to_model(model.clone()))
    with contextlib.redirect_stdout(io.StringIO()):  # its fusions print what they lack
        fused = optimizer.optimize_model(whole, model_type=model_type, num_heads=heads, hidden_size=hidden, opt_level=0)
    result: ir.Model = ir.from_proto(fused.model)
    return result


def _imported(model: ir.Model) -> ir.Model:
    """Declare the domain of the fused operators: not every library does."""
    common.RemoveUnusedNodesPass()(model)
    model.opset_imports.setdefault(_DOMAIN, 1)
    return model


def _attentions(model: ir.Model) -> int:
    return sum(node.domain == _DOMAIN and node.op_type in ATTENTION for node in model.graph.all_nodes())
