"""What people write by hand for a scikit-learn model: skl2onnx, onnx.checker, ONNX Runtime, assert_allclose on one input."""

import sys
from pathlib import Path

import joblib
import numpy as np
import onnx
import onnxruntime
import skl2onnx

model = joblib.load(sys.argv[1])
x = np.random.default_rng(0).uniform(0, 16, (64, 64)).astype(np.float32)
proto = skl2onnx.to_onnx(model, x[:1], target_opset=20, options={id(model): {"zipmap": False}})
Path(sys.argv[2]).write_bytes(proto.SerializeToString())
onnx.checker.check_model(sys.argv[2], full_check=True)
session = onnxruntime.InferenceSession(sys.argv[2], providers=["CPUExecutionProvider"])
label, probabilities = session.run(None, {"X": x})
np.testing.assert_array_equal(label, model.predict(x))
np.testing.assert_allclose(probabilities, model.predict_proba(x), rtol=1e-3, atol=1e-5)
