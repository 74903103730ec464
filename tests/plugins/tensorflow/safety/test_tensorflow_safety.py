"""What is no danger is no alarm: SavedModels and graphs as people have them load without --trust; and damaged ones say so."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from plugin_case import options

from modelport import errors
from modelport.plugins import registry
from modelport_converters.tensorflow_to_onnx import pure_ops

v1 = tf.compat.v1
X = tf.TensorSpec((None, 4), tf.float32, name="x")


@pytest.fixture(scope="module")
def plugin():
    return registry().get("tensorflow")


@pytest.fixture
def words(tmp_path):
    (tmp_path / "words.txt").write_text("a\nb\nc\n")
    return str(tmp_path / "words.txt")


class Harmless(tf.Module):
    """Functions of every family that computes; each is a signature of its own."""

    def __init__(self, words):
        super().__init__()
        lines, integers = tf.lookup.TextFileIndex, tf.int64
        self.weight = tf.Variable(np.ones((4, 3), "float32"))
        self.calls = tf.Variable(0)
        initializer = tf.lookup.TextFileInitializer(words, tf.string, lines.WHOLE_LINE, integers, lines.LINE_NUMBER)
        self.table = tf.lookup.StaticVocabularyTable(initializer, 2)
        self.pairs = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], [1]), 0)
        self.mutable = tf.lookup.experimental.MutableHashTable(tf.string, tf.float32, 0.0)
        self.dense = tf.lookup.experimental.DenseHashTable(tf.string, tf.float32, 0.0, "", "-")
        self.generator = tf.random.Generator.from_seed(1)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="x")])
    def tables(self, x):
        numbers = tf.gather(self.weight, self.table.lookup(x) % 4)
        return numbers, self.pairs.lookup(x), self.mutable.lookup(x), self.dense.lookup(x)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="x")])
    def strings(self, x):
        parts = tf.strings.split(tf.strings.regex_replace(tf.strings.lower(x), "[^a-z]", " ")).to_tensor("")
        return parts, tf.strings.unicode_decode(x, "UTF-8").to_tensor(), tf.strings.to_hash_bucket_fast(x, 7)

    @tf.function(input_signature=[X])
    def flow(self, x):
        self.calls.assign_add(1)
        for _ in tf.range(3):
            x = tf.nn.relu(x) if tf.reduce_sum(x) > 0 else x + 1
        written = tf.TensorArray(tf.float32, 2).unstack(tf.stack([x, x * 2])).stack()
        return tf.switch_case(tf.size(x) % 2, [lambda: x, lambda: x * 2]), tf.map_fn(tf.reduce_sum, written)

    @tf.function(input_signature=[X])
    def chance(self, x):
        tf.print("a line to stderr", tf.shape(x))
        tf.debugging.assert_rank(x, 2)
        drawn = tf.random.uniform([4]) + tf.random.stateless_normal([4], [1, 2]) + self.generator.normal([4])
        return tf.nn.dropout(x @ self.weight, 0.5), drawn, tf.random.shuffle(x)

    @tf.function(input_signature=[tf.TensorSpec((), tf.string, name="x")])
    def images(self, x):
        picture = tf.image.resize(tf.io.decode_image(x, 3, expand_animations=False), [8, 8])
        return tf.image.adjust_contrast(picture, 2.0), tf.io.decode_jpeg(x), tf.audio.decode_wav(x)[0]

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="x")])
    def examples(self, x):
        return tf.io.parse_example(x, {"a": tf.io.FixedLenFeature([], tf.float32), "b": tf.io.VarLenFeature(tf.int64)})

    @tf.function(input_signature=[X])
    def algebra(self, x):
        square = tf.matmul(x, x, transpose_a=True)
        sparse = tf.sparse.from_dense(x)
        return tf.linalg.svd(square)[0], tf.signal.rfft(x), tf.sparse.sparse_dense_matmul(sparse, self.weight)

    @tf.function(input_signature=[X])
    def step(self, x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((x @ self.weight) ** 2)
        (gradient,) = tape.gradient(loss, [self.weight])
        tf.raw_ops.ResourceApplyGradientDescent(var=self.weight.handle, alpha=0.1, delta=gradient)
        return {"loss": loss}


SIGNATURES = ("tables", "strings", "flow", "chance", "images", "examples", "algebra", "step")


@pytest.fixture(scope="module")
def harmless(tmp_path_factory):
    folder = tmp_path_factory.mktemp("harmless")
    (folder / "words.txt").write_text("a\nb\n")
    module = Harmless(str(folder / "words.txt"))
    tf.saved_model.save(module, folder / "model")
    return folder / "model"


@pytest.mark.parametrize("name", SIGNATURES)
def test_what_computes_loads_without_trust(plugin, harmless, name):
    chosen = options(plugin, values={"signature": name})
    assert plugin.call("load", source=harmless, options=chosen)


def layered(words):
    """A Keras model with words from a file, embedded and read in order."""
    inputs = keras.Input((3,), dtype="string", name="words")
    x = keras.layers.StringLookup(vocabulary=words)(inputs)
    x = keras.layers.Embedding(5, 4, mask_zero=True)(x)
    x = keras.layers.Bidirectional(keras.layers.LSTM(3))(x)
    x = keras.layers.Dropout(0.5)(keras.layers.GaussianNoise(0.1)(x))
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))


def test_what_keras_exports_loads_without_trust(plugin, tmp_path, words):
    layered(words).export(tmp_path / "model", verbose=False)
    assert plugin.call("load", source=tmp_path / "model", options=options(plugin))


def test_a_compiled_keras_model_saved_by_tensorflow_loads_without_trust(plugin, tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), keras.layers.BatchNormalization()])
    model.compile("adam", "mse")
    tf.saved_model.save(model, tmp_path / "model")
    assert plugin.call("load", source=tmp_path / "model", options=options(plugin))


def test_a_table_from_an_asset_of_tensorflow_1_loads_without_trust(plugin, tmp_path, words):
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.string, (None,), name="x")
        weight = v1.get_variable("w", initializer=np.ones((4, 3), "float32"))
        lines = tf.lookup.TextFileIndex
        initializer = tf.lookup.TextFileInitializer(words, tf.string, lines.WHOLE_LINE, tf.int64, lines.LINE_NUMBER)
        y = tf.gather(weight, tf.lookup.StaticHashTable(initializer, 3).lookup(x))
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        signature = {"serving_default": v1.saved_model.predict_signature_def({"x": x}, {"y": y})}
        builder = v1.saved_model.builder.SavedModelBuilder(str(tmp_path / "model"))
        assets = v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS)
        builder.add_meta_graph_and_variables(
            session, ["serve"], signature, assets_collection=assets, main_op=v1.tables_initializer()
        )
        builder.save()
    assert plugin.call("load", source=tmp_path / "model", options=options(plugin))


def test_what_has_an_onnx_form_is_pure_but_for_queues_pipelines_and_files():
    from tf2onnx.handler import tf_op

    import modelport_converters.tensorflow_to_onnx.export  # noqa: F401  # registers what the project adds

    mapped = {name for versions in tf_op.get_opsets().values() for row in versions for name in row}
    waiting = {"CheckPinned", "FIFOQueueV2", "IteratorGetNext", "IteratorV2"}
    waiting |= {"QueueDequeueManyV2", "QueueDequeueUpToV2", "QueueDequeueV2"}
    mapping = {"ImmutableConst"}  # of a file into memory
    assert {name for name in mapped if pure_ops.registered(name)} - pure_ops.operators() == waiting | mapping


# --- damaged -------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    module = tf.Module()
    module.weight = tf.Variable(np.ones((4, 300), "float32"))
    module.call = tf.function(lambda x: {"y": x @ module.weight}, input_signature=[X])
    tf.saved_model.save(module, tmp_path / "model", signatures=module.call)
    return tmp_path / "model"


@pytest.mark.parametrize(
    "part", ["fingerprint.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
@pytest.mark.parametrize("damage", [lambda data: b"\xff" * len(data), lambda data: data[: len(data) // 2]])
def test_a_damaged_part_is_unreadable_and_said_once(plugin, saved, part, damage, capfd):
    (saved / part).write_bytes(damage((saved / part).read_bytes()))
    with pytest.raises(errors.SourceUnreadable):
        plugin.call("load", source=saved, options=options(plugin))
    assert capfd.readouterr() == ("", "")


def test_a_pipe_in_the_folder_is_not_waited_for(plugin, saved):
    import os

    data = saved / "variables" / "variables.data-00000-of-00001"
    data.unlink()
    os.mkfifo(data)
    with pytest.raises(errors.SourceUnreadable, match="neither a file nor a folder"):
        plugin.call("load", source=saved, options=options(plugin))
