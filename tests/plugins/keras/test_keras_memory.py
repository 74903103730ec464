"""What is left of a large source once it is released, in a process of its own."""

import json
import subprocess
import sys

import keras
import pytest
from keras_warnings import ARRAYS

pytestmark = [ARRAYS, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

MEGABYTES = 128
"""Of weights, in two matrices."""

CONVERTS = """
import json, sys
from pathlib import Path
import modelport
from modelport_plugins.keras import low_memory_loading

held = {}

def note(stage, seconds):
    lines = Path("/proc/self/status").read_text().splitlines()
    held[stage, seconds is None] = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) // 1024

low_memory_loading.LARGE_BYTES = 0
modelport.convert(sys.argv[1], output=sys.argv[2], verify=False, progress=note)
print(json.dumps({"loaded": held["load", False], "released": held["open", True]}))
"""


def test_the_weights_of_a_large_source_are_gone_before_those_of_the_result_come(tmp_path):
    rows = keras.Input((4096,), name="x")
    keras.Model(rows, keras.layers.Dense(4096)(keras.layers.Dense(4096)(rows))).save(tmp_path / "model.keras")
    done = subprocess.run(
        [sys.executable, "-c", CONVERTS, tmp_path / "model.keras", tmp_path / "model.onnx"],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    held = json.loads(done.stdout.splitlines()[-1])
    assert held["released"] < held["loaded"] - MEGABYTES / 2, (
        held
    )  # what translating takes is well below the other half
