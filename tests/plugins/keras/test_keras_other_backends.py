"""Keras on PyTorch and on jax: models in memory, converted in a process of that backend, and files, which know of none."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import pytest
from keras_warnings import ARRAYS

pytestmark = ARRAYS

SUPPORT = Path(__file__).parents[2] / "support"
PROGRAM = SUPPORT / "keras_other_backend.py"
REBUILT = "exported from a copy that a child process loaded under TensorFlow, proven against the model itself"


def python(*words: object, **environment: str) -> str:
    """Run Python with variables of the environment set, at rest with what TensorFlow prints, and return its stdout."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])}
    variables.pop("KERAS_BACKEND", None)
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, env=variables | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def converted(backend: str, folder: Path, *names: str) -> dict[str, Any]:
    """Convert models of the program in a process of that backend, with temporary files in the folder."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    found = json.loads(python(PROGRAM, *names, KERAS_BACKEND=backend, TMPDIR=str(folder)))
    assert found["backend"] == backend
    cases: dict[str, Any] = found["cases"]
    return cases


@pytest.fixture(scope="module")
def torch_cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("torch")
    cases = converted("torch", folder, "branches", "main", "subclassed", "native", "different", "strings")
    assert not list(folder.glob("modelport*"))
    return cases


@pytest.fixture(scope="module")
def jax_cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("jax")
    cases = converted("jax", folder, "branches", "main")
    assert not list(folder.glob("modelport*"))
    return cases


@pytest.fixture(params=["torch", "jax"])
def cases(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.getfixturevalue(f"{request.param}_cases")
    return found


def test_a_model_of_another_backend_is_exported_from_a_copy_and_proven_against_itself(cases: dict[str, Any]) -> None:
    found = cases["branches"]
    assert (found["verdict"], found["error"]) == ("proven", None)
    assert found["inputs"] == ["image:float32[N,image_1,image_2,3]", "words:int64[N,words_1]"]
    assert [text.partition(":")[0] for text in found["outputs"]] == ["code", "next", "scores"]
    assert {"code:float32[N,16]", "scores:float32[N,5]"} < set(found["outputs"])
    assert found["cases"] >= 9  # the example, and for each of four dimensions two more sizes
    assert [note.endswith(REBUILT) for note in found["notes"]] == [True]


def test_the_model_is_left_as_it_was(cases: dict[str, Any]) -> None:
    assert all(found["unchanged"] for found in cases.values())


def test_the_proof_runs_the_model_on_its_own_backend_and_not_the_copy(torch_cases: dict[str, Any]) -> None:
    kind, message = torch_cases["different"]["error"]
    assert kind == "NotEquivalent"
    assert "9 of 9 values beyond" in message


@pytest.mark.parametrize("name", ["main", "subclassed"])
def test_classes_of_the_main_program_go_through_pytorchs_exporter(name: str, torch_cases: dict[str, Any]) -> None:
    found = torch_cases[name]
    assert (found["verdict"], found["error"]) == ("proven", None)
    (note,) = found["notes"]
    assert "exported by torch.onnx.export, since its copy under TensorFlow failed: " in note
    assert "is defined in the main program" in note


def test_a_layer_written_in_pytorch_goes_through_pytorchs_exporter(torch_cases: dict[str, Any]) -> None:
    found = torch_cases["native"]
    assert (found["verdict"], found["error"]) == ("proven", None)
    (note,) = found["notes"]
    assert "exported by torch.onnx.export" in note
    assert "cannot be exported under the TensorFlow backend" in note
    assert "Native" in note


def test_strings_are_refused_on_a_backend_that_holds_none(torch_cases: dict[str, Any]) -> None:
    kind, message = torch_cases["strings"]["error"]
    assert kind == "CannotConvert"
    assert "text:string[N,2]" in message
    assert "convert the file in a process of its own" in message


def test_classes_of_the_main_program_are_refused_on_jax_with_what_to_do(jax_cases: dict[str, Any]) -> None:
    kind, message = jax_cases["main"]["error"]
    assert kind == "CannotConvert"
    assert "Doubled is defined in the main program" in message
    assert "at the top of a module of its own" in message


@pytest.mark.parametrize(("backend", "dtype"), [("torch", "int64"), ("jax", "int32")])
def test_outputs_have_the_dtypes_of_the_models_own_backend(
    backend: str, dtype: str, request: pytest.FixtureRequest
) -> None:
    found = request.getfixturevalue(f"{backend}_cases")["branches"]
    assert f"next:{dtype}[N,next_1]" in found["outputs"]
    assert found["verdict"] == "proven"


# --- files ---------------------------------------------------------------------------------------

LOAD = """
import json, sys
from pathlib import Path
from modelport.plugins import registry
from modelport.spec import Options
options = Options({"custom_objects": sys.argv[2] or None})
registry().get("keras").call("load", source=Path(sys.argv[1]), options=options)
import os, keras
print(json.dumps([keras.config.backend(), options.notes, os.environ.get("KERAS_BACKEND")]))
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keras_file") / "model.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(path)
    return path


def loaded(file: Path, custom_objects: str = "", **environment: str) -> tuple[str, list[str], str | None]:
    """Load a file in a process of its own: the backend it then runs on, the notes, and KERAS_BACKEND afterwards."""
    backend, notes, variable = json.loads(python("-c", LOAD, file, custom_objects, **environment))
    return backend, notes, variable


def test_a_file_is_loaded_under_tensorflow_whatever_the_environment_says(file: Path) -> None:
    backend, notes, variable = loaded(file, KERAS_BACKEND="jax")
    assert backend == "tensorflow"
    assert notes == ["Keras is set to the jax backend; the file was loaded under TensorFlow, which reads it alike"]
    assert variable == "jax"


def test_a_file_is_loaded_under_tensorflow_whatever_keras_json_says(file: Path, tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    backend, notes, _ = loaded(file, KERAS_HOME=str(tmp_path))
    assert backend == "tensorflow"
    assert "set to the torch backend" in notes[0]


def test_a_file_with_code_of_the_users_is_loaded_under_the_backend_that_it_is_written_for(file: Path) -> None:
    pytest.importorskip("torch")
    backend, notes, _ = loaded(file, "keras_own_layers", KERAS_BACKEND="torch")
    assert (backend, notes) == ("torch", [])


def test_temporary_files_are_gone_when_a_process_ends_with_a_result_in_hand() -> None:
    from modelport_plugins.keras.tensorflow_copy import _Folder

    folder = _Folder()
    assert folder.path.parent == Path(tempfile.gettempdir())
    path = folder.path
    del folder
    assert not path.exists()
