"""Faults in whole numbers and words: the ends of tables and vocabularies, signs, widths, and numbers that "
"pass through floats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from fakes import graph
from planted import Fault, Sabotage, pair, weights_pair
from planted_case import PlantedFaults
from planted_models import fitted, keras, pytorch
from spoiling import attribute, edited, rewritten, weight

RNG = np.random.default_rng(5)
LOOKUP = "(int64[N,4] x) => (float[N,4,3] y) { y = Gather(table, x) }"
IDS = "(int64[N,4] x) => (int64[N,4] y) { @ }"


def ids(*values: int, dtype: Any = np.int64) -> dict[str, np.ndarray]:
    """One row of four ids."""
    return {"x": np.asarray([[*values, *[1] * (4 - len(values))]], dtype)}


def row_of(rows: int, at: int) -> Fault:
    """A table with one wrong row."""
    table = RNG.standard_normal((rows, 3)).astype(np.float32)
    wrong = table.copy()
    wrong[at] *= -1
    name = f"row {at} of a table of {rows}"
    return weights_pair(name, LOOKUP, {"table": table}, {"table": wrong}, witness=ids(at % rows))


def padded() -> Fault:
    table = RNG.standard_normal((120, 3)).astype(np.float32)
    table[0] = 0
    wrong = table.copy()
    wrong[0] = 0.3
    return weights_pair("the padding row filled", LOOKUP, {"table": table}, {"table": wrong}, witness=ids(0))


def exchanged() -> Fault:
    table = RNG.standard_normal((1000, 3)).astype(np.float32)
    wrong = table.copy()
    wrong[[611, 612]] = table[[612, 611]]
    return weights_pair("two rows of a table exchanged", LOOKUP, {"table": table}, {"table": wrong}, witness=ids(611))


EMBEDDINGS = [
    row_of(500, -1),
    row_of(500, -2),
    row_of(70, 0),
    padded(),
    exchanged(),
    pair(
        "negative indices taken for the first",
        "(int64[N,4] x) => (float[N,4,3] y) { @ y = Gather(table, i) }",
        "i = Identity(x)",
        "i = Max(x, nil)",
        witness=ids(-1),
        table=RNG.standard_normal((30, 3)).astype(np.float32),
        nil=np.int64(0),
    ),
    pair(
        "a mask token off by one",
        IDS,
        "m = Equal(x, right) y = Where(m, nil, x)",
        "m = Equal(x, wrong) y = Where(m, nil, x)",
        witness=ids(50103),
        right=np.int64(50103),
        wrong=np.int64(50104),
        nil=np.int64(0),
    ),
]

ARITHMETIC = [
    pair(
        "ids by way of float32",
        IDS,
        "y = Mod(x, n)",
        "f = Cast<to: int = 1>(x) i = Cast<to: int = 7>(f) y = Mod(i, n)",
        witness=ids(2**24 + 1),
        n=np.int64(1000),
    ),
    pair(
        "ids by way of int32",
        IDS,
        "y = Identity(x)",
        "i = Cast<to: int = 6>(x) y = Cast<to: int = 7>(i)",
        witness=ids(2**31 + 5),
    ),
    pair(
        "ids by way of int16",
        IDS,
        "y = Identity(x)",
        "i = Cast<to: int = 5>(x) y = Cast<to: int = 7>(i)",
        witness=ids(40_000),
    ),
    pair(
        "a sum over int32 done in int32",
        "(int32[N,4] x) => (int64[N,1] y) { a = Constant<value_ints: ints = [1]>() @ }",
        "c = Cast<to: int = 7>(x) y = ReduceSum(c, a)",
        "s = ReduceSum(x, a) y = Cast<to: int = 7>(s)",
        witness={"x": np.full((1, 4), 2**30, np.int32)},
    ),
    pair(
        "milliseconds in int32",
        "(int32[N,4] x) => (int64[N,4] y) { @ }",
        "c = Cast<to: int = 7>(x) y = Mul(c, wide)",
        "p = Mul(x, narrow) y = Cast<to: int = 7>(p)",
        witness=ids(10_000_000, dtype=np.int32),
        wide=np.int64(1000),
        narrow=np.int32(1000),
    ),
    pair(
        "division of negatives",
        IDS,
        "m = Mod(x, n) d = Sub(x, m) y = Div(d, n)",
        "y = Div(x, n)",
        witness=ids(-7),
        n=np.int64(2),
    ),
    pair("modulus of negatives", IDS, "y = Mod(x, n)", "y = Mod<fmod: int = 1>(x, n)", witness=ids(-3), n=np.int64(7)),
    pair(
        "a shift in eight bits",
        "(uint8[N,4] x) => (uint32[N,4] y) { @ }",
        'c = Cast<to: int = 12>(x) y = BitShift<direction: string = "LEFT">(c, wide)',
        's = BitShift<direction: string = "LEFT">(x, narrow) y = Cast<to: int = 12>(s)',
        witness=ids(255, dtype=np.uint8),
        wide=np.uint32(1),
        narrow=np.uint8(1),
    ),
    pair(
        "the least of eight bits negated",
        "(int8[N,4] x) => (int32[N,4] y) { @ }",
        "c = Cast<to: int = 6>(x) y = Neg(c)",
        "n = Neg(x) y = Cast<to: int = 6>(n)",
        witness=ids(-128, dtype=np.int8),
    ),
    pair(
        "unsigned numbers by way of int32",
        "(uint32[N,4] x) => (int64[N,4] y) { @ }",
        "y = Cast<to: int = 7>(x)",
        "i = Cast<to: int = 6>(x) y = Cast<to: int = 7>(i)",
        witness=ids(3_000_000_000, dtype=np.uint32),
    ),
    pair(
        "large counts divided as float32",
        IDS,
        "y = Div(x, n)",
        "f = Cast<to: int = 1>(x) d = Div(f, m) y = Cast<to: int = 7>(d)",
        witness=ids(100_000_007),
        n=np.int64(3),
        m=np.float32(3),
        reference=lambda arrays: {"y": np.sign(arrays["x"]) * (np.abs(arrays["x"]) // 3)},
    ),
]

WORDS = [f"word{number:03d}" for number in range(300)]


def encoder(values: list[int], default: int = -1, keys: list[str] = WORDS) -> onnx.ModelProto:
    """A lookup of words."""
    model = graph("(string[N] x) => (int64[N] y) { y = Identity(x) }", ml=4)
    del model.graph.node[:]
    model.graph.node.append(
        onnx.helper.make_node(
            "LabelEncoder",
            ["x"],
            ["y"],
            domain="ai.onnx.ml",
            keys_strings=keys,
            values_int64s=values,
            default_int64=default,
        )
    )
    return model


def words(*values: str) -> dict[str, np.ndarray]:
    return {"x": np.asarray(values, object)}


def lookup(values: list[int], default: int = -1) -> Callable[[Any], Any]:
    table = dict(zip(WORDS, values, strict=True))
    return lambda arrays: {"y": np.asarray([table.get(word, default) for word in arrays["x"]], np.int64)}


COUNT = list(range(300))
VOCABULARIES = [
    Fault(
        "the last word of a vocabulary", encoder(COUNT), encoder([*COUNT[:-1], 298]), lookup(COUNT), words(WORDS[-1])
    ),
    Fault(
        "a word in the middle of a vocabulary",
        encoder(COUNT),
        encoder([*COUNT[:217], 7, *COUNT[218:]]),
        lookup(COUNT),
        words(WORDS[217]),
    ),
    Fault("an unknown word", encoder(COUNT, 300), encoder(COUNT, 0), lookup(COUNT, 300), words("never seen")),
    Fault(
        "a word that the vocabulary has lost",
        encoder(COUNT),
        encoder(COUNT[:150] + COUNT[151:], keys=WORDS[:150] + WORDS[151:]),
        lookup(COUNT),
        words(WORDS[150]),
    ),
    Fault("the empty word", encoder(COUNT), encoder([*COUNT, 5], keys=[*WORDS, ""]), lookup(COUNT), words("")),
]


def table() -> dict[str, Any]:
    from torch import nn

    return {"table": nn.Embedding(300, 4, padding_idx=0)}


EMBEDDED = pytorch(lambda net, x: net.table(x), "x:int64[N,4]", parts=table)
HALVED = pytorch(lambda net, x: x // 7, "x:int64[N,4]")
SHIFTED = pytorch(lambda net, x: x >> 2, "x:int64[N,4]")
WRAPPED = pytorch(lambda net, x: x.remainder(11), "x:int64[N,4]")
KERAS_EMBEDDED = keras(lambda k: [k.layers.Embedding(200, 3, embeddings_initializer="random_normal")], 4, dtype="int32")
STRINGS = keras(lambda k: [k.layers.StringLookup(vocabulary=WORDS)], 1, dtype="string")
NUMBERS = keras(lambda k: [k.layers.IntegerLookup(vocabulary=list(range(10, 500, 7)))], 1, dtype="int64")


DOCUMENTS = [" ".join(WORDS[start : start + 10]) for start in range(0, 60, 10)]
COLUMN = np.asarray([[word] for word in WORDS[:60]], object)
SELDOM = np.asarray([[word] for word in ["a"] * 9 + ["b"] * 8 + ["c", "d"]], object)
COUNTS = fitted("feature_extraction.text.CountVectorizer", DOCUMENTS)
ONE_HOT = fitted("preprocessing.OneHotEncoder", COLUMN, handle_unknown="ignore", sparse_output=False)
ORDINAL = fitted("preprocessing.OrdinalEncoder", COLUMN, handle_unknown="use_encoded_value", unknown_value=-1)
INFREQUENT = fitted(
    "preprocessing.OneHotEncoder", SELDOM, min_frequency=3, handle_unknown="infrequent_if_exist", sparse_output=False
)
TARGETS = fitted("preprocessing.TargetEncoder", SELDOM, np.arange(19.0), target_type="continuous", random_state=0)


def negated(at: int) -> Callable[[np.ndarray], None]:
    """Change the sign of one row."""

    def change(array: np.ndarray) -> None:
        array[at] = -array[at] - 1

    return change


def one_word_less(node: onnx.NodeProto) -> None:
    """Map the key of the greatest value to the one before it."""
    values = next(item for item in node.attribute if item.name == "values_int64s")
    at = int(np.argmax(values.ints))
    values.ints[at] -= 1


def other_default(node: onnx.NodeProto) -> None:
    """Map what is unknown to what the first key is mapped to."""
    values = next(item for item in node.attribute if item.name == "values_int64s")
    default = next(item for item in node.attribute if item.name == "default_int64")
    default.i = values.ints[0]


def strings(*values: str, name: str = "x") -> dict[str, np.ndarray]:
    return {name: np.asarray([[value] for value in values], object)}


EXPORTS = [
    Sabotage("PyTorch: last row of an embedding", EMBEDDED, weight((300, 4), negated(-1)), ids(299)),
    Sabotage("PyTorch: padding row of an embedding", EMBEDDED, weight((300, 4), negated(0)), ids(0)),
    Sabotage("PyTorch: floor division of negatives", HALVED, rewritten("Sub", "y = Identity(x0)"), ids(-8)),
    Sabotage(
        "PyTorch: right shift of negatives by division",
        SHIFTED,
        rewritten("Where", "y = Div(x, four)", four=np.int64(4)),
        ids(-7),
    ),
    Sabotage("PyTorch: remainder of negatives", WRAPPED, attribute("Mod", fmod=1), ids(-3)),
    Sabotage(
        "Keras: last row but one of an embedding",
        KERAS_EMBEDDED,
        weight((200, 3), negated(-2)),
        ids(198, dtype=np.int32),
    ),
    Sabotage("Keras: last word of a vocabulary", STRINGS, edited("LabelEncoder", one_word_less), strings(WORDS[-1])),
    Sabotage("Keras: unknown words", STRINGS, edited("LabelEncoder", other_default), strings("never seen")),
    Sabotage(
        "Keras: last number of a vocabulary", NUMBERS, edited("LabelEncoder", one_word_less), {"x": np.asarray([[493]])}
    ),
    Sabotage(
        "scikit-learn: last word of a vocabulary",
        COUNTS,
        edited("LabelEncoder", one_word_less),
        strings(" ".join(WORDS[:60]), name="X"),
    ),
    Sabotage(
        "scikit-learn: unknown category of a one-hot",
        ONE_HOT,
        edited("LabelEncoder", other_default),
        strings("never seen", name="X"),
    ),
    Sabotage(
        "scikit-learn: last category of an ordinal",
        ORDINAL,
        edited("LabelEncoder", one_word_less),
        strings(WORDS[59], name="X"),
    ),
    Sabotage(
        "scikit-learn: unknown category of an ordinal",
        ORDINAL,
        edited("LabelEncoder", other_default),
        strings("never seen", name="X"),
    ),
    Sabotage(
        "scikit-learn: an infrequent category taken for a frequent one",
        INFREQUENT,
        weight((5,), lambda array: array.__setitem__(3, array[0])),
        strings("d", name="X"),
    ),
    Sabotage(
        "scikit-learn: the mean of an unknown category",
        TARGETS,
        weight((5, 1), lambda array: array.__setitem__(4, array[0])),
        strings("never seen", name="X"),
    ),
]


class TestIntegers(PlantedFaults):
    faults = (*EMBEDDINGS, *ARITHMETIC, *VOCABULARIES, *EXPORTS)
