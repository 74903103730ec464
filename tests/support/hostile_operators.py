"""What hostile TensorFlow models compute besides: a zero, once something is written; a large number, once something is read."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from hostile import SECRET, Nest

raw = tf.raw_ops


def after(*operations: Any) -> Any:
    """Return zero, once the operations are done."""
    with tf.control_dependencies([item for item in operations if item is not None]):
        return tf.identity(0.0)


def contents(text: Any) -> Any:
    """Return the first byte of a string as a number."""
    return tf.cast(tf.io.decode_raw(tf.reshape(text, [1]), tf.uint8), tf.float32)[0, 0]


def write(nest: Nest) -> Any:
    return after(tf.io.write_file(str(nest.canary), "x"))


def in_a_loop(x: Any, nest: Nest) -> Any:
    return tf.while_loop(lambda i: i < 1.0, lambda i: [i + 1.0 + write(nest)], [tf.constant(0.0)])[0]


def in_a_branch(x: Any, nest: Nest) -> Any:
    return tf.cond(tf.size(x) > 0, lambda: write(nest), lambda: tf.constant(0.0))


def in_a_function(x: Any, nest: Nest) -> Any:
    inner = tf.function(lambda y: y + write(nest))
    return tf.function(lambda y: inner(y))(tf.reduce_sum(x) * 0)


def in_a_mapped_function(x: Any, nest: Nest) -> Any:
    return tf.reduce_sum(tf.map_fn(lambda row: tf.reduce_sum(row) * 0 + write(nest), x))


def in_a_dataset(x: Any, nest: Nest) -> Any:
    data = tf.data.Dataset.range(1).map(lambda i: tf.cast(i, tf.float32) + write(nest))
    return data.reduce(0.0, lambda a, b: a + b)


def printed(x: Any, nest: Nest) -> Any:
    return after(raw.PrintV2(input=tf.constant("x"), output_stream=f"file://{nest.canary}", end="\n"))


def saved_slices(x: Any, nest: Nest) -> Any:
    return after(raw.Save(filename=str(nest.canary), tensor_names=["w"], data=[tf.constant(1.0)]))


def saved_checkpoint(x: Any, nest: Nest) -> Any:
    name = {"tensor_names": ["w"], "shape_and_slices": [""]}
    return after(raw.SaveV2(prefix=str(nest.canary), tensors=[tf.constant(1.0)], **name))


def summary(x: Any, nest: Nest) -> Any:
    writer = raw.SummaryWriter(shared_name="w", container="")
    made = raw.CreateSummaryFileWriter(
        writer=writer, logdir=str(nest.canary), max_queue=1, flush_millis=1, filename_suffix="x"
    )
    return after(made)


def read(x: Any, nest: Nest) -> Any:
    return contents(tf.io.read_file(str(nest.secret)))


def lines(x: Any, nest: Nest) -> Any:
    return tf.data.TextLineDataset(str(nest.secret)).map(contents).reduce(0.0, lambda a, b: a + b)


def records(x: Any, nest: Nest) -> Any:
    data = tf.data.FixedLengthRecordDataset(str(nest.secret), 1)
    return data.take(1).map(contents).reduce(0.0, lambda a, b: a + b)


def listed(x: Any, nest: Nest) -> Any:
    return tf.cast(tf.size(tf.io.matching_files(str(nest.secret.parent / "sec*"))), tf.float32) * SECRET[0]


def mapped(x: Any, nest: Nest) -> Any:
    return tf.cast(raw.ImmutableConst(dtype=tf.uint8, shape=(1,), memory_region_name=str(nest.secret)), tf.float32)[0]


def vocabulary(x: Any, nest: Nest) -> Any:
    found = raw.GenerateVocabRemapping(
        new_vocab_file=str(nest.secret), old_vocab_file=str(nest.secret), new_vocab_offset=0, num_new_vocab=1
    )
    return tf.cast(found.num_present, tf.float32) * SECRET[0]


def sampled(x: Any, nest: Nest) -> Any:
    vocab = nest.secret.with_suffix(".csv")
    vocab.write_text("word,1\n")
    found = raw.FixedUnigramCandidateSampler(
        true_classes=[[0]], num_true=1, num_sampled=1, unique=False, range_max=1, vocab_file=str(vocab)
    )
    return tf.cast(found.sampled_candidates[0], tf.float32) + SECRET[0]


def python(x: Any, nest: Nest) -> Any:
    return tf.cast(tf.py_function(lambda: nest.canary.write_text("x"), [], tf.int32), tf.float32)


def outside_table(x: Any, nest: Nest) -> Any:
    table = raw.AnonymousHashTable(key_dtype=tf.string, value_dtype=tf.int64)
    filled = raw.InitializeTableFromTextFileV2(
        table_handle=table, filename=str(nest.secret), key_index=-2, value_index=-1, vocab_size=-1, delimiter="\t"
    )
    with tf.control_dependencies([filled]):
        found = raw.LookupTableFindV2(table_handle=table, keys=SECRET.decode(), default_value=tf.constant(-1, tf.int64))
    return tf.where(found == 0, float(SECRET[0]), 0.0)


def ended(x: Any, nest: Nest) -> Any:
    return after(raw.Abort(error_msg="", exit_without_error=False))


def read_as_shape(x: Any, nest: Nest) -> Any:
    """What importing the graph would read: a shape that TensorFlow infers from constants."""
    count = tf.strings.length(tf.io.read_file(str(nest.secret)))
    return tf.reduce_sum(tf.reshape(tf.zeros(tf.stack([count, 1])), [len(SECRET)])) + SECRET[0]
