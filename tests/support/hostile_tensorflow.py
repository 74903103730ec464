"""SavedModels and frozen graphs that would do more than compute, and what they do when they are loaded and called."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from hostile import SECRET, Nest
from hostile_operators import (
    ended,
    in_a_branch,
    in_a_dataset,
    in_a_function,
    in_a_loop,
    in_a_mapped_function,
    lines,
    listed,
    mapped,
    outside_table,
    printed,
    python,
    read,
    read_as_shape,
    records,
    sampled,
    saved_checkpoint,
    saved_slices,
    summary,
    vocabulary,
    write,
)
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

v1, raw = tf.compat.v1, tf.raw_ops
SPEC = tf.TensorSpec((None, 3), tf.float32, name="x")


@dataclass(frozen=True)
class Hostile:
    """A hostile model.

    Attributes:
        make: writes it to a folder, with a nest's canary or secret in it, and returns its path.
        fires: "writes" or "reads" when it is loaded and called; "" where that cannot be shown in the same process.
        status: of the commands that refuse it.
    """

    make: Callable[[Path, Nest], Path]
    fires: str = "writes"
    status: int = 7


def saved(compute: Callable[[Any, Nest], Any]) -> Callable[[Path, Nest], Path]:
    """Return what saves a module that computes x and something else besides."""

    def make(folder: Path, nest: Nest) -> Path:
        module = tf.Module()
        module.weight = tf.Variable(np.ones((3, 3), "float32"))
        module.call = tf.function(lambda x: {"y": x @ module.weight + compute(x, nest)}, input_signature=[SPEC])
        tf.saved_model.save(module, folder / "model", signatures=module.call)
        return folder / "model"

    return make


# --- at load -------------------------------------------------------------------------------------


def initializing(folder: Path, nest: Nest) -> Path:
    """A resource whose initializer, which loading runs, writes."""

    class Written(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.resource_handle  # noqa: B018  # creates it

        def _create_resource(self) -> Any:
            return raw.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)

        def _initialize(self) -> None:
            tf.io.write_file(str(nest.canary), "x")

    module = tf.Module()
    module.held = Written()
    module.call = tf.function(lambda x: {"y": x}, input_signature=[SPEC])
    tf.saved_model.save(module, folder / "model", signatures=module.call)
    nest.canary.unlink(missing_ok=True)  # making it writes too
    return folder / "model"


def with_table(folder: Path, nest: Nest) -> Path:
    """A harmless model with a table from an asset: the words of the secret are numbered."""
    words = folder / "words.txt"
    words.write_bytes(SECRET)
    module = tf.Module()
    table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            str(words), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        ),
        -1,
    )
    module.table = table
    module.call = tf.function(
        lambda x: {"y": x + tf.where(table.lookup(tf.constant(SECRET.decode())) == 0, float(SECRET[0]), 0.0)},
        input_signature=[SPEC],
    )
    tf.saved_model.save(module, folder / "model", signatures=module.call)
    words.unlink()
    return folder / "model"


def asset_named(name: Callable[[Nest], str]) -> Callable[[Path, Nest], Path]:
    """Return what writes a model whose asset has another name."""

    def make(folder: Path, nest: Nest) -> Path:
        model = with_table(folder, nest)
        edited(model, lambda proto: setattr(proto.meta_graphs[0].asset_file_def[0], "filename", name(nest)))
        return model

    return make


def asset_linked(folder: Path, nest: Nest) -> Path:
    model = with_table(folder, nest)
    (asset,) = (model / "assets").iterdir()
    asset.unlink()
    asset.symlink_to(nest.secret)
    return model


def variables_linked(folder: Path, nest: Nest) -> Path:
    model = saved(lambda x, _: 0.0)(folder, nest)
    (folder / "elsewhere").mkdir()
    shutil.move(model / "variables", folder / "elsewhere" / "variables")
    (model / "variables").symlink_to(folder / "elsewhere" / "variables")
    return model


def edited(model: Path, change: Callable[[Any], object]) -> None:
    """Change the proto of a SavedModel."""
    proto = SavedModel.FromString((model / "saved_model.pb").read_bytes())
    change(proto)
    (model / "saved_model.pb").write_bytes(proto.SerializeToString())


# --- TensorFlow 1 --------------------------------------------------------------------------------


def session(folder: Path, nest: Nest, *, initial: bool) -> Path:
    """A model of TensorFlow 1 that writes when it is initialized, or when its variables are restored."""
    with tf.Graph().as_default(), v1.Session() as running:
        x = v1.placeholder(tf.float32, (None, 3), name="x")
        y = x @ v1.get_variable("w", initializer=np.ones((3, 3), "float32"))
        running.run(v1.global_variables_initializer())
        written = tf.io.write_file(str(nest.canary), "x")
        signature = {"serving_default": v1.saved_model.predict_signature_def({"x": x}, {"y": y})}
        builder = v1.saved_model.builder.SavedModelBuilder(str(folder / "model"))
        main = written if initial else v1.no_op()
        builder.add_meta_graph_and_variables(running, ["serve"], signature, main_op=main)
        builder.save()
    return folder / "model"


def restored(change: Callable[[Any, Nest], None]) -> Callable[[Path, Nest], Path]:
    """Return what writes a model of TensorFlow 1 whose saver is changed."""

    def make(folder: Path, nest: Nest) -> Path:
        with tf.Graph().as_default(), v1.Session() as running:
            x = v1.placeholder(tf.float32, (None, 3), name="x")
            y = x @ v1.get_variable("w", initializer=np.ones((3, 3), "float32"), use_resource=False)
            running.run(v1.global_variables_initializer())
            v1.saved_model.simple_save(running, str(folder / "model"), {"x": x}, {"y": y})
        edited(folder / "model", lambda proto: change(proto.meta_graphs[0], nest))
        return folder / "model"

    return make


def saving_when_restored(graph: Any, nest: Nest) -> None:
    """Have the restoration wait for an operator that writes a checkpoint, to another place."""
    nodes = {node.name: node for node in graph.graph_def.node}
    (save,) = (node for node in nodes.values() if node.op == "SaveV2")
    name = graph.graph_def.node.add(name="elsewhere", op="Const")
    name.attr["dtype"].type = tf.string.as_datatype_enum
    name.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(str(nest.canary)))
    save.input[0] = "elsewhere"
    save.input.extend(
        f"^{node.name}" for node in nodes.values() if node.op == "Assign" and node.name.startswith("save/")
    )
    nodes[graph.saver_def.restore_op_name].input.append(f"^{save.name}")


def restoring_another(graph: Any, nest: Nest) -> None:
    """Have the variables read from another checkpoint than the model's."""
    name = graph.graph_def.node.add(name="elsewhere", op="Const")
    name.attr["dtype"].type = tf.string.as_datatype_enum
    name.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(str(nest.secret)))
    for node in graph.graph_def.node:
        if node.op == "RestoreV2":
            node.input[0] = "elsewhere"


# --- frozen graphs -------------------------------------------------------------------------------


def frozen(compute: Callable[[Any, Nest], Any], suffix: str = ".pb") -> Callable[[Path, Nest], Path]:
    """Return what writes a graph that computes x and something else besides."""

    def make(folder: Path, nest: Nest) -> Path:
        with tf.Graph().as_default() as graph:
            x = v1.placeholder(tf.float32, (None, 3), name="x")
            tf.identity(x + compute(x, nest), name="y")
        path = folder / f"graph{suffix}"
        tf.io.write_graph(graph.as_graph_def(), str(folder), path.name, as_text=suffix == ".pbtxt")
        return path

    return make


# --- sizes and circles ---------------------------------------------------------------------------

HUGE = 3 * 2**30


def huge_constant(folder: Path, nest: Nest) -> Path:
    path = frozen(lambda x, _: tf.constant(1.0, name="c"))(folder, nest)
    graph = v1.GraphDef.FromString(path.read_bytes())
    (node,) = (node for node in graph.node if node.name == "c")
    node.attr["value"].tensor.tensor_shape.dim.add(size=HUGE * 10)
    path.write_bytes(graph.SerializeToString())
    return path


def huge_fill(x: Any, nest: Nest) -> Any:
    return tf.reduce_sum(tf.zeros([HUGE // 1024, 10 * 1024]))


def huge_fill_computed(x: Any, nest: Nest) -> Any:
    return tf.reduce_sum(tf.zeros(tf.stack([tf.constant(HUGE // 1024) * 5, 2 * 1024])))


def circle(folder: Path, nest: Nest) -> Path:
    """Functions that call each other."""
    model = saved(in_a_function_that_computes)(folder, nest)

    def closed(proto: Any) -> None:
        functions = proto.meta_graphs[0].graph_def.library.function
        named = [function.signature.name for function in functions]
        for function in functions:
            for node in function.node_def:
                if "f" in node.attr and node.attr["f"].func.name in named:
                    node.attr["f"].func.name = function.signature.name

    edited(model, closed)
    return model


def in_a_function_that_computes(x: Any, nest: Nest) -> Any:
    return tf.function(lambda y: y + 1.0, autograph=False)(tf.reduce_sum(x))


FILES = {
    "a file written by an initializer": Hostile(initializing),
    "a file written": Hostile(saved(lambda x, nest: write(nest))),
    "a file written in a loop": Hostile(saved(in_a_loop)),
    "a file written in a branch": Hostile(saved(in_a_branch)),
    "a file written in a function": Hostile(saved(in_a_function)),
    "a file written in a mapped function": Hostile(saved(in_a_mapped_function)),
    "a file written in a dataset": Hostile(saved(in_a_dataset)),
    "a file printed to": Hostile(saved(printed)),
    "a slice saved": Hostile(saved(saved_slices)),
    "a checkpoint saved": Hostile(saved(saved_checkpoint)),
    "a summary written": Hostile(saved(summary)),
    "a file read": Hostile(saved(read), "reads"),
    "lines read": Hostile(saved(lines), "reads"),
    "records read": Hostile(saved(records), "reads"),
    "files listed": Hostile(saved(listed), "reads"),
    "a file mapped into memory": Hostile(saved(mapped), "reads"),
    "a vocabulary read": Hostile(saved(vocabulary), "reads"),
    "a sampler's vocabulary": Hostile(saved(sampled), "reads"),
    "a table of another file": Hostile(saved(outside_table), "reads"),
    "a Python function": Hostile(saved(python), ""),  # found by a number that another process does not know
    "the process ended": Hostile(saved(ended), ""),
    "an asset above the folder": Hostile(asset_named(lambda nest: "../../secret"), "reads"),
    "an asset at the root": Hostile(asset_named(lambda nest: str(nest.secret)), "reads"),
    "an asset that is a link": Hostile(asset_linked, "reads"),
    "variables behind a link": Hostile(variables_linked, ""),  # reads numbers, which are the model's own here
    "a file written by a session's initializer": Hostile(lambda *args: session(*args, initial=True)),
    "a session that holds such an operator": Hostile(
        lambda *args: session(*args, initial=False), ""
    ),  # which nothing runs
    "a checkpoint saved when one is restored": Hostile(restored(saving_when_restored)),
    "another checkpoint restored": Hostile(
        restored(restoring_another), ""
    ),  # fails on the secret, which is no checkpoint
    "a graph that writes": Hostile(frozen(lambda x, nest: write(nest))),
    "a graph in text that writes": Hostile(frozen(lambda x, nest: write(nest), ".pbtxt")),
    "a graph that reads": Hostile(frozen(read), "reads"),
    "a graph with a file as a shape": Hostile(frozen(read_as_shape), "reads"),
    "a graph that maps a file": Hostile(frozen(mapped), "reads"),
    "a graph with a dataset that writes": Hostile(frozen(in_a_dataset)),
    "a constant beyond memory": Hostile(huge_constant, "", 2),
    "a graph with a result beyond memory": Hostile(frozen(huge_fill), "", 2),
    "a result beyond memory": Hostile(saved(huge_fill), "", 2),
    "a computed result beyond memory": Hostile(saved(huge_fill_computed), "", 2),
    "functions in a circle": Hostile(circle, "", 2),
}


def fire(folder: Path) -> None:
    """Load and call each hostile model that can be shown to be one; leave what came of it in fired.json."""
    found = {}
    for index, (name, hostile) in enumerate(FILES.items()):
        if hostile.fires:
            (folder / str(index)).mkdir()
            found[name] = fired(hostile, folder / str(index))
    (folder / "fired.json").write_text(json.dumps(found))


def fired(hostile: Hostile, folder: Path) -> bool:
    """Load and call a hostile model unguarded; tell whether it did what it does."""
    nest = Nest(folder)
    path = hostile.make(folder, nest)
    before = nest.names
    if path.is_dir():
        model = tf.saved_model.load(str(path))
        result = model.signatures["serving_default"](x=tf.ones((2, 3)))["y"]
    else:
        graph = v1.GraphDef()
        if path.suffix == ".pbtxt":
            from google.protobuf import text_format

            text_format.Parse(path.read_text(), graph)
        else:
            graph.ParseFromString(path.read_bytes())
        with tf.Graph().as_default() as whole, v1.Session(graph=whole) as running:
            tf.graph_util.import_graph_def(graph, name="")
            result = running.run("y:0", {"x:0": np.ones((2, 3), "float32")})
    if hostile.fires == "reads":
        return bool(np.max(np.asarray(result)) >= SECRET[0])
    return nest.names != before
