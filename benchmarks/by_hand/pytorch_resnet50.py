"""What people write by hand for a PyTorch model: export, onnx.checker, ONNX Runtime, assert_allclose on one input."""

import sys

import numpy as np
import onnx
import onnxruntime
import torch

from models import resnet50

model = resnet50()
model.load_state_dict(torch.load(sys.argv[1], weights_only=True))
model.eval()
x = torch.randn(3, 3, 224, 224)
program = torch.onnx.export(
    model,
    (x,),
    dynamo=True,
    opset_version=20,
    input_names=["x"],
    output_names=["output"],
    dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
)
program.save(sys.argv[2])
onnx.checker.check_model(sys.argv[2], full_check=True)
session = onnxruntime.InferenceSession(sys.argv[2], providers=["CPUExecutionProvider"])
with torch.no_grad():
    expected = model(x).numpy()
np.testing.assert_allclose(session.run(None, {"x": x.numpy()})[0], expected, rtol=1e-3, atol=1e-5)
