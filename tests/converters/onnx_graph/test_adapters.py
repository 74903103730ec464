"""Version adapters: rewrites before onnx's version converter, which would refuse these models or convert them wrongly."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from prepared_models import floats, prepared, with_weights
from tf_models import assert_same, by_onnxruntime, by_reference, parsed

from modelport_converters.onnx_graph.adapters import adapt, with_batched_scans


def test_an_operator_of_onnxruntime_in_the_default_domain_is_moved_to_its_own() -> None:
    model = parsed("g (float[N] x) => (float[N] y) { y = SimplifiedLayerNormalization (x, x) }")
    adapt(model)
    assert model.graph.node[0].domain == "com.microsoft"
    assert {entry.domain for entry in model.opset_import} == {"", "com.microsoft"}


@pytest.mark.parametrize(
    ("attribute", "shape"), [("value_string = \"\u00e4\"", []), ("value_strings = [\"\u00e4\", \"b\"]", [2])]
)  # fmt: skip
def test_strings_of_constants_become_tensors(attribute: str, shape: list[int]) -> None:
    model = parsed(f"g () => (string[K] y) {{ y = Constant <{attribute}> () }}")
    adapt(model)
    tensor = model.graph.node[0].attribute[0].t
    assert list(tensor.dims) == shape
    assert tensor.string_data[0] == "\u00e4".encode()


def test_a_slope_for_each_channel_is_aligned_with_the_channels() -> None:
    model = parsed("g (float[2,3,4] x) => (float[2,3,4] y) { y = PRelu (x, s) }", opset=6)
    slope = np.array([0.5, -1.0, 2.0], np.float32)
    with_weights(model, s=slope)
    adapt(model)
    assert numpy_helper.to_array(model.graph.initializer[0]).shape == (3, 1)
    x = floats(2, 3, 4)
    found = by_reference(prepared(model), {"x": x})
    assert_same(found, {"y": np.where(x < 0, x * slope[:, None], x)})


def test_an_old_resize_samples_as_it_did() -> None:
    model = parsed(
        'g (float[1,1,4,4] x, float[4] s) => (float[1,1,A,B] y) { y = Resize <mode = "linear"> (x, s) }', opset=10
    )
    inputs = {"x": floats(1, 1, 4, 4), "s": np.array([1, 1, 2, 2], np.float32)}
    assert_same(by_reference(prepared(model), inputs), by_onnxruntime(model, inputs))


@pytest.mark.parametrize("opset", [8, 9])
def test_only_scans_of_opset_8_are_batched(opset: int) -> None:
    lengths = ", " if opset == 8 else ""  # an input that is absent here
    body = "body = b (float s, float a) => (float t, float c) { t = Add (s, a)\n c = Identity (t) }"
    model = parsed(
        f"g (float[N] i, float[N,T] x) => (float[N] l, float[N,T] y) {{ l, y = Scan <num_scan_inputs = 1, {body}>"
        f" ({lengths}i, x) }}",
        opset=opset,
    )
    found = with_batched_scans(onnx.ModelProto.FromString(model.SerializeToString()))
    names = {attribute.name for attribute in found.graph.node[0].attribute}
    assert ("batched" in names) == (opset == 8)
    assert list(found.graph.node[0].input) == ["i", "x"]
