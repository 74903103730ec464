"""A fixed slice of the fuzzer: damaged model files end in a status that says so, without crash, hang or traceback."""

from __future__ import annotations

import importlib.util

import pytest
from fuzz_driver import fuzz
from fuzz_formats import FORMATS

MUTANTS = 50
NEEDS = {
    **dict.fromkeys(("forest", "svc", "knn", "histgb"), "skops"),
    **dict.fromkeys(("safetensors", "pth", "pt2", "torchscript"), "torch"),
    **dict.fromkeys(("keras", "h5", "savedmodel", "pb", "tflite"), "tensorflow"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_refused_in_order(name, tmp_path):
    if importlib.util.find_spec(NEEDS.get(name, "onnx")) is None:
        pytest.skip(f"{NEEDS[name]} is not installed")
    failures = [found for found in fuzz(name, 0, range(MUTANTS), tmp_path) if found.failure]
    told = [f"{name}:0:{found.index} {found.failure} ({found.kind})\n{found.output[-500:]}" for found in failures]
    assert not failures, "\n".join(told)
