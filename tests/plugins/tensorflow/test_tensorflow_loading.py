"""What TensorFlow loads from disk: SavedModels of every vintage, frozen graphs, and what is neither."""

import numpy as np
import pytest
import tensorflow as tf

import modelport
from modelport import errors
from modelport.plugins import registry
from modelport.plugins.options import parse_options
from modelport.spec import Options

v1 = tf.compat.v1
WEIGHT = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
ROWS = np.random.default_rng(2).normal(size=(5, 4)).astype("float32")


def proven(source, sizes=(), **options):
    """Convert with the shortest proof and return the report."""
    conversion = modelport.convert(source, to="onnx", options=options, inputs=list(sizes), proof_seconds=1)
    assert conversion.report.verdict == "proven"
    return conversion.report


def names(specs):
    return [spec.partition(":")[0] for spec in specs]


def load(path, **values):
    plugin = registry().get("tensorflow")
    options = Options(parse_options(plugin.framework, values))
    return plugin.call("load", source=path, options=options), options


# --- SavedModels of TensorFlow 1 -----------------------------------------------------------------


@pytest.fixture(scope="module")
def old_model(tmp_path_factory):
    """Variables, a table, three signatures, and a second set of tags with a graph of its own."""
    path = tmp_path_factory.mktemp("old") / "model"
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 4), name="in/x")
        weight = v1.get_variable("w", initializer=WEIGHT)
        y = tf.identity(x @ weight, name="out/y")
        pairs = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([4, 7], tf.int64))
        keys = v1.placeholder(tf.string, (None,), name="keys")
        codes = tf.lookup.StaticHashTable(pairs, -1).lookup(keys)
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        signed = v1.saved_model.predict_signature_def
        builder = v1.saved_model.builder.SavedModelBuilder(str(path))
        signatures = {
            "serving_default": signed({"x": x}, {"y": y}),
            "codes": signed({"keys": keys}, {"codes": codes}),
        }
        builder.add_meta_graph_and_variables(session, ["serve"], signatures, main_op=v1.tables_initializer())
        builder.add_meta_graph(["serve", "gpu"], {"serving_default": signed({"x": x}, {"twice": y * 2})})
        builder.save()
    return path


def test_a_model_of_tensorflow_1_keeps_its_variables(old_model):
    report = proven(old_model, tags="serve")
    assert report.inputs == ["x:float32[N,4]"]
    assert names(report.outputs) == ["y"]


def test_a_model_of_tensorflow_1_keeps_its_tables(old_model):
    report = proven(old_model, tags="serve", signature="codes")
    assert names(report.outputs) == ["codes"]


def test_a_set_of_tags_has_its_own_signatures(old_model):
    report = proven(old_model, tags="serve, gpu")
    assert names(report.outputs) == ["twice"]


@pytest.mark.parametrize("tags", [None, "train"])
def test_the_sets_of_tags_are_listed(old_model, tags):
    with pytest.raises(errors.InvalidOption, match="tag sets") as caught:
        load(old_model, tags=tags)
    assert "gpu" in str(caught.value)


def test_a_model_written_by_simple_save_converts(tmp_path):
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 4), name="x")
        y = tf.nn.relu(x @ v1.get_variable("w", initializer=WEIGHT, use_resource=False))
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "simple"), {"x": x}, {"y": y})
    proven(tmp_path / "simple")


# --- SavedModels without signatures --------------------------------------------------------------


class Functions(tf.Module):
    def __init__(self):
        super().__init__()
        self.weight = tf.Variable(WEIGHT)

    @tf.function(input_signature=[tf.TensorSpec((None, 4), name="x")])
    def score(self, x):
        return {"score": {"raw": x @ self.weight, "soft": tf.nn.softmax(x @ self.weight)}}

    @tf.function
    def scaled(self, x, double=False):
        return x * 2 if double else x


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory):
    module, path = Functions(), tmp_path_factory.mktemp("unsigned")
    module.scaled(tf.ones((2, 2)))
    module.scaled(tf.ones((3,)), double=True)
    tf.saved_model.save(module, path)
    return path


def test_without_signatures_a_function_is_chosen(unsigned):
    report = proven(unsigned, signature="score")
    assert names(report.outputs) == ["score_raw", "score_soft"]
    assert any("no signatures" in note for note in report.notes)


def test_without_signatures_the_functions_are_listed(unsigned):
    with pytest.raises(errors.InvalidOption, match="scaled, score"):
        load(unsigned)


def test_a_function_saved_for_several_inputs_asks_which(unsigned):
    with pytest.raises(errors.SignatureNeeded, match="2 different inputs"):
        modelport.convert(unsigned, to="onnx", options={"signature": "scaled"})
    assert proven(unsigned, ["x:float32[2,2]"], signature="scaled").outputs == ["output_0:float32[2,2]"]


# --- frozen graphs -------------------------------------------------------------------------------


def graph_def(**extra):
    """Two inputs, a hidden layer, two outputs of which one is of a split."""
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, (None, 4), name="in/x")
        shift = v1.placeholder(tf.float32, (1,), name="shift")
        training = v1.placeholder_with_default([False], (1,), name="training")
        hidden = tf.nn.relu(x @ tf.constant(WEIGHT), name="hidden")
        hidden = tf.where(training, hidden * 0.5, hidden)
        tf.split(hidden + shift, 3, axis=1, name="parts")
        tf.reduce_sum(hidden, axis=1, name="total")
        v1.assert_equal(tf.shape(x)[1], 4)
    return graph.as_graph_def()


@pytest.fixture(scope="module", params=["graph.pb", "graph.pbtxt"])
def frozen(tmp_path_factory, request):
    path = tmp_path_factory.mktemp("frozen") / request.param
    tf.io.write_graph(graph_def(), str(path.parent), path.name, as_text=path.suffix == ".pbtxt")
    return path


def test_a_frozen_graph_is_recognised_by_its_content(frozen, tmp_path):
    plugin, detection = registry().detect(frozen)
    assert (plugin.key, detection.confidence) == ("tensorflow", 0.9)
    other = tmp_path / "other.pb"
    other.write_bytes(b"\x08\x0a\x12\x07pytorch")  # as an ONNX model begins
    assert not plugin.call("detect", source=other)


def test_a_frozen_graphs_inputs_and_outputs_are_found(frozen):
    report = proven(frozen)
    assert report.inputs == ["in_x:float32[N,4]", "shift:float32[1]"]
    assert names(report.outputs) == ["parts", "total"]
    assert any("parts, total" in note for note in report.notes)


def test_a_frozen_graphs_inputs_and_outputs_are_chosen(frozen):
    report = proven(frozen, outputs="total:0,hidden:0", inputs="in/x,training:0")
    assert names(report.outputs) == ["total", "hidden"]


def test_a_frozen_graph_computes_what_its_session_does(frozen):
    model, options = load(frozen, outputs="parts:1,total")
    plugin = registry().get("tensorflow")
    signature = plugin.call("signature", model=model, options=options)
    inputs = {"in_x": ROWS, "shift": np.float32([2])}
    ran = plugin.call("run", model=model, signature=signature, inputs=inputs, options=options)
    hidden = np.maximum(ROWS @ WEIGHT, 0)
    np.testing.assert_allclose(ran["parts_1"], hidden[:, 1:2] + 2, rtol=1e-5)
    np.testing.assert_allclose(ran["total"], hidden.sum(1), rtol=1e-5)


def test_an_unknown_tensor_of_a_frozen_graph_is_refused(frozen):
    with pytest.raises(errors.InvalidOption, match="did you mean 'hidden'"):
        load(frozen, outputs="hiden:0")


def test_loops_of_tensorflow_1_convert(tmp_path):
    v1.disable_control_flow_v2()
    try:
        with tf.Graph().as_default() as graph:
            x = v1.placeholder(tf.float32, (None, 4), name="x")
            y = v1.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y * 2.0), [0, x])[1]
            tf.identity(y, name="y")
    finally:
        v1.enable_control_flow_v2()
    tf.io.write_graph(graph.as_graph_def(), str(tmp_path), "loop.pb", as_text=False)
    proven(tmp_path / "loop.pb", outputs="y")


def test_a_graph_with_variables_is_refused(tmp_path):
    with tf.Graph().as_default() as graph:
        v1.placeholder(tf.float32, (None, 4), name="x") @ v1.get_variable("w", initializer=WEIGHT)
    tf.io.write_graph(graph.as_graph_def(), str(tmp_path), "graph.pb", as_text=False)
    with pytest.raises(errors.SourceUnreadable, match="not frozen: it holds 1 variables"):
        load(tmp_path / "graph.pb")


def test_a_damaged_graph_is_unreadable(tmp_path):
    content = graph_def().SerializeToString()
    (tmp_path / "cut.pb").write_bytes(content[: len(content) // 2])
    with pytest.raises(errors.SourceUnreadable, match="cannot read the graph"):
        load(tmp_path / "cut.pb")


def test_an_operator_of_a_graph_that_tensorflow_does_not_know_is_named(tmp_path):
    (tmp_path / "graph.pb").write_bytes(graph_def().SerializeToString().replace(b"MatMul", b"MyMuls"))
    with pytest.raises(errors.UnsupportedOps, match="MyMuls"):
        load(tmp_path / "graph.pb")


# --- what is no model ----------------------------------------------------------------------------


def test_a_checkpoint_is_no_model(tmp_path):
    prefix = tf.train.Checkpoint(w=tf.Variable(WEIGHT)).save(str(tmp_path / "ckpt"))
    for path in (tmp_path, tmp_path / f"{prefix}.index"):
        assert registry().get("tensorflow").call("detect", source=path)
        with pytest.raises(errors.SourceUnreadable, match="this is a checkpoint"):
            load(path)
