"""The plan of a proof: its minimum, its further cases, and what is drawn for each dtype and value_range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from modelport.errors import InvalidSignature
from modelport.proof.cases.generated import Case, Note, Plan, Slot, plan, sizes_in
from modelport.proof.value_ranges import ValueRange
from modelport.signature import Signature, TensorSpec, parse_inputs


def signature(*texts: str) -> Signature:
    specs, examples = parse_inputs(texts)
    return Signature(specs, (), examples)


def made(*texts: str, ranges: Mapping[str, ValueRange] | None = None, **options: Any) -> Plan:
    return plan(signature(*texts), ranges or {}, **options)


def minimum(plan_: Plan) -> list[Case]:
    """What a reference that admits everything sees."""
    return [next(iter(slot.alternatives)) for slot in plan_.minimum() if isinstance(slot, Slot)]


def further(plan_: Plan) -> list[Case]:
    """The cases beyond the minimum, at the example's sizes."""
    return [case for case in plan_.further({}) if isinstance(case, Case)]


def everything(plan_: Plan) -> list[Case]:
    return [*minimum(plan_), *further(plan_)]


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "string"])
def test_a_scalar_is_drawn_as_an_array(dtype: str) -> None:
    for case in everything(made(f"x:{dtype}[]")):
        assert isinstance(case.inputs["x"], np.ndarray)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint16"])
def test_a_lone_integer_stays_small_as_it_may_be_a_number_of_rounds(dtype: str) -> None:
    cases = everything(made(f"n:{dtype}[]", "x:float32[N,3]"))
    assert max(int(case.inputs["n"]) for case in cases) <= 100
    assert any(case.label == "wide integers" for case in cases)


# --- sizes ---------------------------------------------------------------------------------------


def test_the_minimum_has_every_symbolic_dimension_at_three_sizes() -> None:
    cases = minimum(made("x:float32[N,3,H=8,W]", "m:bool[N]"))
    for symbol, example in {"N": 3, "H": 8, "W": 32}.items():
        sizes = {case.sizes[symbol] for case in cases}
        assert {1, example} < sizes
        assert len(sizes) == 3
    assert all(case.required for case in cases)
    assert all(case.inputs["m"].shape == (case.sizes["N"],) for case in cases)


def test_one_dimension_is_changed_at_a_time() -> None:
    first, *others = minimum(made("x:float32[N,H=8]"))
    assert [sum(case.sizes[s] != first.sizes[s] for s in first.sizes) for case in others] == [1, 1, 1, 1]


def test_an_example_of_one_still_gets_two_other_sizes() -> None:
    assert len({case.sizes["N"] for case in minimum(made("x:float32[N=1,4]"))}) == 3


def test_a_fixed_model_has_a_minimum_of_one_case() -> None:
    assert len(minimum(made("x:float32[2,4]"))) == 1


def test_a_refused_size_has_other_sizes_to_fill_its_place() -> None:
    """A network that halves its input five times runs only at multiples of 32."""
    filled = []
    for slot in made("x:float32[1,3,H,W]").minimum():
        assert isinstance(slot, Slot)
        case = next(
            (case for case in slot.alternatives if case.sizes["H"] % 32 == 0 and case.sizes["W"] % 32 == 0), None
        )
        assert case is not None, slot.missing
        filled.append(case.sizes)
    assert len({sizes["H"] for sizes in filled}) == len({sizes["W"] for sizes in filled}) == 3


def test_a_guess_that_is_refused_gives_way_to_another_and_the_other_sizes_follow_it() -> None:
    slots = (slot for slot in made("x:float32[N,T]").minimum() if isinstance(slot, Slot))
    first = next(case for case in next(slots).alternatives if case.sizes["T"] == 16)
    assert first.inputs["x"].shape == (3, 16)
    assert {next(iter(slot.alternatives)).sizes["T"] for slot in slots} == {16, 1, 32}


@pytest.mark.parametrize("text", ["x:float32", "x[N,4]"])
def test_an_input_that_is_not_described_is_refused(text: str) -> None:
    with pytest.raises(InvalidSignature, match="unknown") as caught:
        made(text)
    assert "--input 'x:" in str(caught.value.remedy)


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype",
    [
        "float32",
        "float64",
        "float16",
        "bfloat16",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
        "complex64",
    ],
)
def test_every_case_has_the_dtype_of_its_input(dtype: str) -> None:
    want = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    assert {case.inputs["x"].dtype for case in everything(made(f"x:{dtype}[N,4]"))} == {want}


def test_strings_are_object_arrays_of_str() -> None:
    array = everything(made("x:string[N,2]"))[0].inputs["x"]
    assert array.dtype == object
    assert all(type(item) is str for item in array.reshape(-1))


def test_the_same_plan_is_drawn_twice() -> None:
    first, second = (everything(made("x:float32[N,4]", "k:int64[N]", "s:string[N]")) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert (a.label, a.sizes) == (b.label, b.sizes)
        for name, array in a.inputs.items():
            np.testing.assert_array_equal(array, b.inputs[name])


def test_further_cases_bring_small_values_and_exact_zeros() -> None:
    cases = {part.label: part.inputs["x"] for case in further(made("x:float32[N,16]")) for part in case.parts}
    assert cases["small"].std() == pytest.approx(1e-2, rel=0.3)
    assert 0.3 < (cases["sparse"] == 0).mean() < 0.7
    assert cases["uniform"].min() >= 0


def test_a_table_gets_enough_rows_to_meet_every_label() -> None:
    assert max(len(case.inputs["x"]) for case in further(made("x:float32[N,4]"))) > 64


@pytest.mark.parametrize("text", ["x:float32[N,3,224,224]", "x:float32[5,4]", "x:float32[N,100000]"])
def test_what_is_costly_never_has_more_than_one_row_above_the_example(text: str) -> None:
    example = minimum(made(text))[0].inputs["x"].shape
    shapes = [case.inputs["x"].shape for case in further(made(text))]
    assert shapes
    assert all(shape[1:] == example[1:] and shape[0] <= example[0] + 1 for shape in shapes)


def test_texts_of_token_ids_never_have_more_than_one_row_above_the_example() -> None:
    cases = further(made("x:int64[N,128]", ranges={"x": ValueRange(0, 30_000)}))
    assert {case.inputs["x"].shape for case in cases} == {(size, 128) for size in (0, 2, 3, 4)}


def test_integers_stay_within_the_range_that_the_graph_admits() -> None:
    drawn = np.concatenate(
        [case.inputs["x"].reshape(-1) for case in everything(made("x:int64[N,50]", ranges={"x": ValueRange(-2, 5)}))]
    )
    assert set(drawn.tolist()) == set(range(-2, 5))


def test_a_range_wider_than_the_dtype_is_cut_to_it() -> None:
    for case in everything(made("x:int8[N,50]", ranges={"x": ValueRange(-1000, 1000)})):
        assert case.inputs["x"].dtype == np.int8


def test_unbounded_integers_reach_beyond_int32() -> None:
    assert any(np.abs(case.inputs["x"].astype(float)).max() > 2**32 for case in everything(made("x:int64[N,4]")))


def test_integers_come_from_their_categories() -> None:
    ranges = {"x": ValueRange(integers=[3, 50, 700])}
    cases = [case for case in everything(made("x:int64[N,20]", ranges=ranges)) if "wide" not in case.label]
    assert set(np.concatenate([case.inputs["x"].reshape(-1) for case in cases]).tolist()) == {3, 50, 700}


def test_strings_come_from_the_vocabulary_and_once_from_outside() -> None:
    cases = everything(made("x:string[N,9]", ranges={"x": ValueRange(strings=["red", "blue"])}))
    seen = [set(case.inputs["x"].reshape(-1).tolist()) for case in cases]
    assert {"red", "blue"} in seen
    assert any(words - {"red", "blue"} for words in seen)


def test_texts_are_made_of_several_words() -> None:
    cases = everything(made("x:string[N=20]", ranges={"x": ValueRange(strings=["red", "blue"], text=True)}))
    assert any(" " in text for text in cases[0].inputs["x"])


@pytest.mark.parametrize("delta", [2.0**-29, 1e-4, 0.05, 0.3, 0.48, -(2.0**-29), -1e-4, -0.05, -0.3, -0.48])
def test_values_fall_between_a_threshold_and_its_rounding_to_float32(delta: float) -> None:
    """Where the true threshold lies `delta` of a float32 spacing beside the one in the graph."""
    rounded = np.float32(0.7)
    true = float(rounded) + delta * float(np.spacing(rounded))
    ranges = {"x": ValueRange(thresholds={1: np.asarray([rounded], np.float64)})}
    x = next(iter(further(made("x:float64[N,2]", ranges=ranges)))).inputs["x"][:, 1]
    assert ((x <= true) != (x <= float(rounded))).any()
    assert ((x <= true) != (x.astype(np.float32) <= rounded)).any()


def test_features_without_thresholds_are_drawn_freely() -> None:
    ranges = {"x": ValueRange(thresholds={1: np.asarray([0.5])})}
    x = next(iter(further(made("x:float32[N,2]", ranges=ranges)))).inputs["x"]
    assert x[:, 0].std() > 0.5


# --- the plugin's and the user's -----------------------------------------------------------------


def drawn(seed: int) -> dict[str, Any]:
    return {"x": np.full((4, 2), seed, np.float32)}


def test_the_plugins_samples_make_up_the_minimum_at_every_size() -> None:
    cases = minimum(made("x:float32[N,2]", plugin=drawn))
    assert {len(case.inputs["x"]) for case in cases} == {4, 1, 6}
    assert all((case.inputs["x"] == 0).all() for case in cases)


def test_the_plugins_further_seeds_come_before_generated_cases() -> None:
    labels = [case.label for case in further(made("x:float32[N,2]", plugin=drawn))]
    assert labels[:2] == ["samples of the plugin, seed 1", "samples of the plugin, seed 2"]
    assert len(labels) > 2


def test_a_plugin_without_samples_leaves_them_to_the_core() -> None:
    labels = [
        [case.label for case in everything(made("x:float32[N,2]", **options))]
        for options in ({}, {"plugin": lambda seed: None})
    ]
    assert labels[0] == labels[1]


def test_the_users_rows_are_all_run_and_their_minimum_holds_nothing_else() -> None:
    x = np.arange(2 * 600, dtype=np.float32).reshape(600, 2)
    cases = [case for case in minimum(made("x:float32[N,2]", user={"x": x})) if not case.beside]
    batches = [case.inputs["x"] for case in cases if "batch" in case.label]
    np.testing.assert_array_equal(np.concatenate(batches), x)
    known = {tuple(row) for row in x.tolist()}
    assert all(tuple(row) in known for case in cases for row in case.inputs["x"].tolist())
    assert len({case.sizes["N"] for case in cases}) >= 3


def test_what_is_generated_without_samples_runs_beside_them() -> None:
    with_samples = made("x:float32[N,2]", user={"x": np.zeros((3, 2), np.float32)})
    beside = [case for case in minimum(with_samples) if case.beside]
    generated = minimum(made("x:float32[N,2]"))
    assert [case.label for case in beside] == [case.label for case in generated]
    np.testing.assert_array_equal(beside[0].inputs["x"], generated[0].inputs["x"])
    assert {case.label for case in further(with_samples)} >= {case.label for case in further(made("x:float32[N,2]"))}


def test_a_loss_is_measured_on_the_users_rows_alone() -> None:
    planned = made("x:float32[N,2]", user={"x": np.zeros((1, 2), np.float32)}, reach="usual")
    assert not any(case.beside for case in minimum(planned))
    assert further(planned) == []


def test_other_sizes_are_made_of_one_batch_of_the_users_rows() -> None:
    cases = minimum(made("x:float32[N,2]", user={"x": np.zeros((100_000, 2), np.float32)}))
    assert max(len(case.inputs["x"]) for case in cases) <= 512


def test_large_rows_run_in_small_batches() -> None:
    images = np.zeros((64, 3, 256, 256), np.float32)
    cases = minimum(made("x:float32[N,3,256,256]", user={"x": images}))
    assert max(case.inputs["x"].nbytes for case in cases) <= 2 * 16 * 2**20


def test_rows_that_do_not_fill_a_fixed_batch_are_left_out_and_said_so() -> None:
    planned = made("x:float32[4,2]", user={"x": np.zeros((10, 2), np.float32)})
    assert [case.inputs["x"].shape for case in minimum(planned) if not case.beside] == [(4, 2), (4, 2)]
    (note,) = (part.text for part in planned.minimum() if isinstance(part, Note))
    assert "last 2 samples" in note


def test_sizes_are_read_off_arrays() -> None:
    spec = Signature((TensorSpec("x", "float32", ("N", 3, "H")),))
    assert sizes_in(spec, {"x": np.zeros((2, 3, 5))}) == {"N": 2, "H": 5}
