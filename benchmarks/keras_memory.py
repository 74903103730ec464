"""Peak memory of converting Keras models, each way in a process of its own. ``python benchmarks/keras_memory.py``.

Peak is the largest resident set (ru_maxrss), pages of mapped files included, of the whole process with its frameworks.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measuring import finish, peak_bytes

_WRITE = "import sys, keras; keras.applications.{name}(weights=None).save(sys.argv[1])"
_WRITE_WIDE = "import sys, models; models.keras_wide_2gb().save(sys.argv[1])"
_LOAD = """
import sys
from modelport_converters.tensorflow_to_onnx.quiet_import import import_tensorflow
import_tensorflow()
import keras
model = keras.saving.load_model(sys.argv[1], compile=False)
"""
_RUN = (
    _LOAD
    + """
import numpy
for size in (3, 1, 5):  # as a proof does: Keras holds every intermediate tensor of a call
    model(numpy.zeros((size, *model.inputs[0].shape[1:]), "float32"), training=False)
"""
)
_BARE = (
    _LOAD
    + """
import tensorflow as tf, tf2onnx
spec = (tf.TensorSpec((None, *model.input.shape[1:]), tf.float32, name="image"),)
tf2onnx.convert.from_function(tf.function(lambda x: model(x, training=False)), spec, opset=18, output_path=sys.argv[2])
"""
)
_OURS = """
import sys
from modelport import convert
report = convert(sys.argv[1], output=sys.argv[2], verify=VERIFY).report
print(report.verdict)
"""


def main() -> None:
    """Measure an application by name, or the default ones and the 2.5 GB model."""
    rows = []
    for name in sys.argv[1:] or ("ResNet50", "VGG16", "wide"):
        with tempfile.TemporaryDirectory() as folder:
            source, target = str(Path(folder) / "model.keras"), str(Path(folder) / "model.onnx")
            peak_bytes(_WRITE_WIDE if name == "wide" else _WRITE.format(name=name), source)
            weights, loaded = Path(source).stat().st_size, 0
            programs = {
                "loading the model": _LOAD,
                "loading and running it": _RUN,
                "modelport, no proof": _OURS.replace("VERIFY", "False"),
                "modelport, whole": _OURS.replace("VERIFY", "True"),
                "bare tf2onnx": "" if name == "wide" else _BARE,
            }
            for title, program in programs.items():
                if not program:
                    continue
                peak, elapsed, output = peak_bytes(program, source, target)
                loaded = loaded or peak
                rows.append(
                    {
                        "model": name, "weights GB": weights / 1e9, "what": title, "verdict": output.strip(),
                        "peak GB": peak / 1e9, "above loading GB": (peak - loaded) / 1e9,
                        "x weights": peak / weights, "s": elapsed,
                    }
                )  # fmt: skip
                print(rows[-1], flush=True)
    finish("keras_memory", rows)


if __name__ == "__main__":
    main()
