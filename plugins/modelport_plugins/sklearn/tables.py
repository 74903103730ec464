"""DataFrame inputs: which columns reach which step, and how Python objects stand in tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelport import TensorSpec
from modelport_plugins.sklearn import categories
from modelport_plugins.sklearn.traversal import handed_on, last_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

Names = list[str]
PASSED = "passthrough"

_SEVERAL = ("named_estimators_", "transformer_list")


def first_steps(model: Any, names: Names | None = None) -> Iterator[tuple[Any, Names | None]]:
    """Yield each estimator that sees raw features, with the names of its columns; None where they are one matrix.

    Columns that pass through untouched come with the word "passthrough". Columns that are dropped do not come.
    """
    if isinstance(model, str) or model is None:
        if model != "drop":
            yield PASSED, names
        return
    inner = handed_on(model)
    if hasattr(model, "_transformer_to_input_indices") and hasattr(model, "feature_names_in_"):
        yield from _of_column_transformer(model)
    elif inner is not None:
        yield from first_steps(inner, names)
    elif isinstance(getattr(model, "steps", None), list):
        acting = [step for _, step in model.steps if step is not None and step != PASSED]
        yield from first_steps(acting[0] if acting else PASSED, names)
    elif several := next((name for name in _SEVERAL if hasattr(model, name)), None):
        held = getattr(model, several)
        for step in held.values() if isinstance(held, Mapping) else (step for _, step in held):
            yield from first_steps(step, names)
    elif categories.boosts_texts(model):
        yield model, names or _own_names(model)
    else:
        yield (PASSED if _is_identity(model) else model), names


def _of_column_transformer(model: Any) -> Iterator[tuple[Any, Names | None]]:
    every = [str(name) for name in model.feature_names_in_]
    for name, step, _ in model.transformers_:
        selected = [every[position] for position in model._transformer_to_input_indices[name]]
        if selected:
            yield from first_steps(step, selected)


def _is_identity(step: Any) -> bool:
    return type(step).__name__ == "FunctionTransformer" and step.func is None


def column_names(model: Any) -> Names | None:
    """Return the names of all columns of the table that a model was fitted on, in order; None where it takes one matrix.

    It takes a table where a ColumnTransformer picks columns by name, where an encoder has learnt categories of several dtypes,
    and where a DictVectorizer takes dictionaries: their keys are the columns.
    """
    steps = list(first_steps(model))
    if len(steps) == 1 and is_dict_vectorizer(steps[0][0]):
        return list(keys_of(steps[0][0]))
    mixed = any(names is None and _is_mixed(step) for step, names in steps)
    if not mixed and all(names is None for _, names in steps):
        return None
    return _fitted_names(model)


def _fitted_names(model: Any) -> Names | None:
    """Return feature_names_in_ of the model, else of the estimator inside that first sees the table."""
    while not hasattr(model, "feature_names_in_"):
        held = getattr(model, "named_estimators_", None) or dict(getattr(model, "transformer_list", None) or ())
        inner = [handed_on(model), *(step for _, step in getattr(model, "steps", ())), *held.values()]
        model = next((one for one in inner if one is not None and not isinstance(one, str)), None)
        if model is None:
            return None
    return _own_names(model)


def _own_names(model: Any) -> Names | None:
    return list(map(str, model.feature_names_in_)) if hasattr(model, "feature_names_in_") else None


def _is_mixed(step: Any) -> bool:
    """Whether an encoder was fitted on a table whose columns no matrix holds together."""
    if not isinstance(getattr(step, "categories_", None), list) or not hasattr(step, "feature_names_in_"):
        return False
    return len({categories.dtype_of(values) for values in step.categories_}) > 1


def table_of(model: Any, inputs: Sequence[TensorSpec]) -> Names | None:
    """Return the columns of the table that is fed as these inputs; None where all come as one matrix."""
    names = column_names(model)
    if names is None or (len(inputs) == 1 and inputs[0].name not in names):
        return None
    return names


# --- dictionaries ------------------------------------------------------------------------------------------------------


def is_dict_vectorizer(step: Any) -> bool:
    """Whether the step takes dictionaries."""
    return hasattr(step, "vocabulary_") and hasattr(step, "separator")


def keys_of(vectorizer: Any) -> dict[str, str | None]:
    """Return the keys of a DictVectorizer's dictionaries: "string" for those whose values are texts, None for numbers."""
    found: dict[str, str | None] = {}
    for name in vectorizer.feature_names_:
        key, separator, _ = name.partition(vectorizer.separator)
        found[key] = "string" if separator else found.get(key)
    return found


# --- rows for the estimator itself -------------------------------------------------------------------------------------


def frame(model: Any, inputs: Mapping[str, Array], names: Names) -> Any:
    """Return the inputs as the model was fitted on them: a DataFrame with all its columns, or dictionaries."""
    import numpy as np
    import pandas as pd

    if is_dict_vectorizer(next(first_steps(model))[0]):
        columns = {name: values[:, 0].tolist() for name, values in inputs.items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    rows = len(next(iter(inputs.values())))
    held, numbers = objects(model, names), _objects_of_numbers(model, names)
    columns = {}
    for name in names:
        values = inputs[name][:, 0] if name in inputs else np.zeros(rows)  # a column that is dropped
        if name in numbers and values.dtype.kind not in "OUS":
            values = categories.as_objects(values, numbers[name])
        dtype = object if values.dtype.kind in "OUS" else values.dtype
        columns[name] = pd.Series(restored(values, held.get(name, {})), dtype=dtype)
    return pd.DataFrame(columns)


def objects(model: Any, names: Names | None) -> dict[str, dict[str, Any]]:
    """Return, for each column, what its texts stand for: "nan" and "None" are missing values where fitting has met them.

    ONNX Runtime makes texts of objects in the same way, so a missing value can be fed as it is. Without names the columns
    are numbered.
    """
    found: dict[str, dict[str, Any]] = {}
    for step, position, name in _columns_of_steps(model, names):
        found.setdefault(name, {}).update(_no_texts(step, position))
    return found


def _columns_of_steps(model: Any, names: Names | None) -> Iterator[tuple[Any, int, str]]:
    """Yield each first step with the position and the name of each of its columns; without names they are numbered."""
    for step, own in first_steps(model, names):
        width = len(own) if own else getattr(step, "n_features_in_", 1)
        for position, name in enumerate(own or map(str, range(width))):
            yield step, position, name


def _objects_of_numbers(model: Any, names: Names | None) -> dict[str, Array | None]:
    """Return the columns of numbers that fitting met as objects, with their categories; what passes through has none.

    scikit-learn finds numbers among objects only as objects. Numbers and conditions that pass through together are such.
    """
    behind = any(map(categories.objects_of_numbers, _last_steps(model)))
    found: dict[str, Array | None] = {}
    for step, position, name in _columns_of_steps(model, names):
        known = categories.objects_of_numbers(step)
        if position in known or (behind and step == PASSED):
            found[name] = known.get(position)
    return found


def _last_steps(model: Any) -> Iterator[Any]:
    """Yield the estimator that answers, or those of the members of a vote."""
    last = last_step(model)
    members = dict(getattr(last, "named_estimators_", None) or {})
    if not members:
        yield last
    for member in members.values():
        if not isinstance(member, str):
            yield from _last_steps(member)


def _no_texts(step: Any, position: int) -> dict[str, Any]:
    values = categories.learnt(step).get(position)
    if values is not None:
        return {str(one): one for one in values if not isinstance(one, str)} if values.dtype.kind == "O" else {}
    if hasattr(step, "missing_values") and not isinstance(step.missing_values, str):
        return {str(step.missing_values): step.missing_values}
    return {}


def restored(values: Array, held: Mapping[str, Any]) -> Array:
    """Return a column of texts with the objects that some of them stand for."""
    import numpy as np

    if not held or values.dtype.kind not in "OUS":
        return values
    result = np.empty(len(values), object)
    result[:] = [held.get(str(one), one) for one in values]
    return result


def restored_matrix(model: Any, matrix: Array) -> Array:
    """Return a matrix of texts with the objects that some of them stand for, and one of numbers as fitting has met it."""
    import numpy as np

    numbers = _objects_of_numbers(model, None)
    if matrix.dtype.kind not in "OUS" and numbers:
        every = range(matrix.shape[1])
        return np.stack([categories.as_objects(matrix[:, at], numbers.get(str(at))) for at in every], axis=1)
    held = objects(model, None)
    if matrix.dtype.kind not in "OUS" or not any(held.values()):
        return matrix
    return np.stack([restored(matrix[:, at], held.get(str(at), {})) for at in range(matrix.shape[1])], axis=1)
