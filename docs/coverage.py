"""Write docs/coverage.md: what becomes of every operator, layer, activation and application, in each direction.

What comes from TensorFlow and Keras is listed as the sweeps in tests/ prove it: `proven` names have that many cases there.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from modelport_converters.onnx_graph import ledger
from modelport_converters.onnx_to_tensorflow.ops import registry

PAGE = Path(__file__).with_name("coverage.md")

_HEAD = """# Coverage

Written by `python docs/coverage.py`. [ONNX operators](#onnx-operators) ·
[scikit-learn estimators](#scikit-learn-estimators) · [Keras layers](#keras-layers) ·
[activations](#keras-activations) · [applications](#keras-applications) · [TensorFlow operators](#tensorflow-operators)
"""


def page() -> str:
    """Return the text of the page."""
    return "\n".join([_HEAD, f"# ONNX operators\n\n{ledger.table(registry())}", _sklearn(), *_keras(), _tensorflow()])


def _sklearn() -> str:
    """List the estimators of the sweep with the methods that they answer new rows with."""
    import sklearn
    from sklearn_case import answers
    from sklearn_sweep import DEFAULTS, EXCEPTIONS, VARIANTS

    variants = Counter(case.name.partition("[")[0] for case in VARIANTS)
    rows = []
    for name, case in DEFAULTS.items():
        if name in EXCEPTIONS:
            rows.append((name, "transform", "", "refused", "", EXCEPTIONS[name]))
        elif methods := answers(case.fitted()[0]):
            rows.append((name, ", ".join(methods), "float32, float64", "proven", str(1 + variants[name]), ""))
    proven = sum(row[3] == "proven" for row in rows)
    silent = sorted(name for name in DEFAULTS if name not in {row[0] for row in rows})
    lead = (
        f"Every estimator of scikit-learn {sklearn.__version__} that answers for new rows. Proven: {proven}, in "
        f"{proven + sum(variants.values())} configurations. Refused with a reason: {len(EXCEPTIONS)}."
    )
    table = _table(
        ("name", "methods", "input", "status", "cases", "reason"), sorted(rows, key=lambda row: row[0].lower())
    )
    rest = f"These answer for no rows but those they were fitted on: {', '.join(silent)}."
    return f"# scikit-learn estimators\n\n{lead}\n\n{table}\n{rest}\n"


def _keras() -> list[str]:
    import keras
    import keras_applications
    import keras_layers
    import keras_preprocessing
    from keras_case import EXCEPTIONS

    cases = {name: len(given) for name, given in {**keras_layers.CASES, **keras_preprocessing.CASES}.items()}
    functions = [name for name, value in vars(keras.activations).items() if inspect.isfunction(value)]
    named = [name for name in functions if name not in ("get", "serialize", "deserialize")]
    activations = {name: len(keras_layers.activation_cases(name)) for name in named}
    applications = dict.fromkeys(keras_applications.functions(), 1)
    known = {
        "layers": ("class", cases),
        "activations": ("function", activations),
        "applications": ("model", applications),
    }
    return [
        _section(f"Keras {kind}", f"Every {what} of keras.{kind}, Keras {keras.__version__}.", given, EXCEPTIONS[kind])
        for kind, (what, given) in known.items()
    ]


def _tensorflow() -> str:
    import tensorflow_ops
    from tensorflow_case import EXCEPTIONS
    from tf2onnx.handler import tf_op

    from modelport_converters.tensorflow_to_onnx import export as export  # registers the handlers
    from modelport_converters.tensorflow_to_onnx.handler import NEWEST_OPSET

    mapping = tf_op.create_mapping(NEWEST_OPSET, None)
    names = {name for name in mapping if not name.startswith("TFL_")}  # those of TensorFlow Lite are in no raw_ops
    cases = {name: len(given) for name, given in tensorflow_ops.CASES.items()}
    unswept = sorted(names - set(cases) - set(EXCEPTIONS), key=str.lower)
    text = _section("TensorFlow operators", "By their names in tf.raw_ops.", cases, EXCEPTIONS)
    return f"{text}\nConverted, and in no sweep of their own: {', '.join(unswept)}.\n"


def _section(title: str, lead: str, cases: Mapping[str, int], exceptions: Mapping[str, str]) -> str:
    proven = {name: ("proven", str(count), "") for name, count in cases.items() if name not in exceptions}
    refused = {name: ("refused", "", reason) for name, reason in exceptions.items()}
    rows = sorted({**proven, **refused}.items(), key=lambda row: row[0].lower())
    counted = f"{lead} Proven: {len(proven)}. Refused with a reason: {len(refused)}."
    return f"# {title}\n\n{counted}\n\n{_table(('name', 'status', 'cases', 'reason'), ((name, *row) for name, row in rows))}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page())
