"""Loading Keras models: archives, HDF5 files, custom classes, and weights into what a factory builds."""

import sys
import zipfile

import keras
import numpy as np
import pytest
from drawn import floats
from keras import layers
from keras_case import small_dense
from keras_warnings import ARRAYS
from plugin_case import assert_onnx_agrees, options

import modelport
from modelport import errors
from modelport.plugins import registry

pytestmark = ARRAYS


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_saved_model_loads_with_its_names_and_its_values(plugin, tmp_path, suffix):
    model, array, path = small_dense(), floats(2, 4), tmp_path / f"model{suffix}"
    model.save(path)
    assert registry().detect(path)[0].key == "keras"
    loaded = plugin.call("load", source=path, options=options(plugin))
    assert_onnx_agrees(plugin, loaded, {"x": array}, {"y": model(array)})


def test_other_archives_and_folders_are_not_claimed(plugin, tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("config.json", "{}")
    assert plugin.call("detect", source=tmp_path / "other.zip") in (None, [])
    assert plugin.call("detect", source=tmp_path) in (None, [])


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_truncated_file_is_unreadable(plugin, tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    keras.saving.save_model(small_dense(), tmp_path / "whole.keras")
    small_dense().save_weights(tmp_path / "whole.weights.h5")
    whole = tmp_path / ("whole.keras" if suffix == ".keras" else "whole.weights.h5")
    path.write_bytes(whole.read_bytes()[:1500])
    with pytest.raises(errors.SourceUnreadable, match="truncated"):
        plugin.call("load", source=path, options=options(plugin))


def test_an_archive_without_weights_is_unreadable(plugin, tmp_path):
    small_dense().save(tmp_path / "whole.keras")
    with zipfile.ZipFile(tmp_path / "whole.keras") as whole, zipfile.ZipFile(tmp_path / "part.keras", "w") as part:
        for name in ("config.json", "metadata.json"):
            part.writestr(name, whole.read(name))
    with pytest.raises(errors.SourceUnreadable, match="Keras cannot load"):
        plugin.call("load", source=tmp_path / "part.keras", options=options(plugin))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_lambda_is_refused_unless_the_file_is_trusted(plugin, tmp_path, suffix):
    x = keras.Input((4,), name="x")
    model, path = keras.Model(x, layers.Lambda(lambda t: t * 3, name="y")(x)), tmp_path / f"model{suffix}"
    model.save(path)
    with pytest.raises(errors.UnsafeSource, match="--trust") as caught:
        plugin.call("load", source=path, options=options(plugin))
    assert caught.value.exit_status == 7
    loaded = plugin.call("load", source=path, options=options(plugin, trust=True))
    np.testing.assert_allclose(loaded(floats(2, 4)), floats(2, 4) * 3)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module into the current folder, and forget it afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    written = []

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        written.append(name)

    yield write
    for name in written:
        sys.modules.pop(name, None)


CUSTOM = """
import keras
class Tripled(keras.layers.Layer):
    def call(self, x):
        return x * 3
"""


def test_a_custom_class_is_found_in_the_module_that_the_user_names(plugin, tmp_path, module):
    module("my_layers", CUSTOM)
    sys.path.insert(0, str(tmp_path))
    import my_layers

    x = keras.Input((4,), name="x")
    keras.Model(x, my_layers.Tripled()(x)).save(tmp_path / "model.keras")
    with pytest.raises(errors.BadInput, match="-O custom_objects=module"):
        plugin.call("load", source=tmp_path / "model.keras", options=options(plugin))
    chosen = options(plugin, values={"custom_objects": "my_layers"})
    loaded = plugin.call("load", source=tmp_path / "model.keras", options=chosen)
    np.testing.assert_allclose(loaded(floats(2, 4)), floats(2, 4) * 3)


def test_a_module_of_custom_objects_that_is_missing_is_an_invalid_option(plugin, tmp_path):
    small_dense().save(tmp_path / "model.keras")
    chosen = options(plugin, values={"custom_objects": "there_is_none"})
    with pytest.raises(errors.InvalidOption, match="there_is_none"):
        plugin.call("load", source=tmp_path / "model.keras", options=chosen)


FACTORY = """
import keras
def right():
    return keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3, name="y")])
def wrong_sizes():
    return keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(7, name="y")])
def raising():
    raise RuntimeError("no such checkpoint")
def no_model():
    return 3
def not_built():
    return keras.Sequential([keras.layers.Dense(3)])
"""


@pytest.fixture
def weights(tmp_path, module):
    module("mynets", FACTORY)
    model = small_dense()
    model.save_weights(tmp_path / "only.weights.h5")
    return model, tmp_path / "only.weights.h5"


def test_weights_alone_are_loaded_into_the_model_of_the_factory(plugin, weights):
    model, path = weights
    loaded = plugin.call("load", source=path, options=options(plugin, factory="mynets:right"))
    np.testing.assert_array_equal(loaded(floats(2, 4)), model(floats(2, 4)))


def test_weights_alone_need_a_factory(plugin, weights):
    with pytest.raises(errors.BadInput, match="--model module:factory"):
        plugin.call("load", source=weights[1], options=options(plugin))


@pytest.mark.parametrize(
    ("factory", "error", "message"),
    [
        ("mynets:wrong_sizes", errors.StateDictMismatch, "does not fit"),
        ("mynets:raising", errors.FactoryFailed, "no such checkpoint"),
        ("mynets:no_model", errors.FactoryFailed, "returned int"),
        ("mynets:not_built", errors.FactoryFailed, "not built"),
        ("mynets:absent", errors.FactoryFailed, "absent"),
        ("nowhere:absent", errors.FactoryFailed, "nowhere"),
    ],
)
def test_a_factory_that_does_not_fit_is_refused(plugin, weights, factory, error, message):
    with pytest.raises(error, match=message):
        plugin.call("load", source=weights[1], options=options(plugin, factory=factory))


def test_what_keras_says_of_a_lambda_that_it_cannot_load_is_told(tmp_path):
    x = keras.Input((4,), name="x")
    keras.Model(x, layers.Lambda(lambda x: keras.ops.top_k(x, 1)[1])(x)).save(tmp_path / "m.keras")
    with pytest.raises(errors.SourceUnreadable, match="specify the `output_shape`") as caught:
        modelport.convert(tmp_path / "m.keras", to="onnx", trust=True)
    assert "\x1b" not in str(caught.value)
    assert "--model module:factory" in str(caught.value)
