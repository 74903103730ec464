"""The --input notation, and a signature refined by it."""

from __future__ import annotations

import pytest

from modelport.errors import InvalidSignature
from modelport.signature import Signature, TensorSpec, canonical_dtype, parse_input, parse_inputs


@pytest.mark.parametrize(
    ("text", "name", "dtype", "shape"),
    [
        ("x:float32[N,3,224,224]", "x", "float32", ("N", 3, 224, 224)),
        ("x:float32[]", "x", "float32", ()),
        ("x:float32", "x", "float32", None),
        ("x[N,4]", "x", "", ("N", 4)),
        ("x", "x", "", None),
        ("x:double[?, 4]", "x", "float64", ("x_dim0", 4)),
        ("x:int32[ batch_size , seq.len ]", "x", "int32", ("batch_size", "seq.len")),
        ("sepal length (cm):float[N,1]", "sepal length (cm)", "float32", ("N", 1)),
        ("a/b.c:str[N]", "a/b.c", "string", ("N",)),
        ("x:bfloat16[H=64]", "x", "bfloat16", ("H",)),
    ],
)
def test_the_notation_is_read(text: str, name: str, dtype: str, shape: object) -> None:
    assert parse_input(text) == TensorSpec(name, dtype, shape)


@pytest.mark.parametrize(
    "text",
    ["x:float32[N,3", "x:float32]", ":float32[N]", "", "x:float32[N][M]", "x:float32[-1]", "x:float32[3.5]", "x[N,,3]"],
)
def test_what_does_not_parse_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidSignature) as caught:
        parse_input(text)
    assert caught.value.where
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["x:float32[N,3,224]", "x:float32[]", "x:int64", "x[N,4]", "x"])
def test_a_specification_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_input(text)) == text


def test_sizes_of_examples_come_with_their_names() -> None:
    _, examples = parse_inputs(["x:float32[N,H=64]", "y:float32[H=64,W=8]"])
    assert examples == {"H": 64, "W": 8}


def test_two_sizes_for_one_dimension_are_refused() -> None:
    with pytest.raises(InvalidSignature, match="two sizes, 64 and 65"):
        parse_inputs(["x:float32[H=64]", "y:float32[H=65]"])


def test_two_sizes_within_one_input_are_refused() -> None:
    with pytest.raises(InvalidSignature, match="two sizes"):
        parse_inputs(["x:float32[H=64,H=65]"])


def test_one_name_given_twice_is_refused() -> None:
    with pytest.raises(InvalidSignature, match="'x' is given twice"):
        parse_inputs(["x:float32[N]", "x:float32[M]"])


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("torch.float32", "float32"), ("tf.string", "string"), ("float", "float32"), ("double", "float64"), ("half", "float16"),
        ("int", "int64"), ("object", "string"), ("<U3".removeprefix("<").replace("U3", "str96"), "string"), ("BOOL", "bool"),
    ],
)  # fmt: skip
def test_spellings_of_dtypes_are_known(text: str, dtype: str) -> None:
    assert canonical_dtype(text) == dtype


def test_an_unknown_dtype_names_the_nearest() -> None:
    with pytest.raises(InvalidSignature) as caught:
        canonical_dtype("flaot32")
    assert "float32" in str(caught.value.remedy)


MODEL = Signature(
    (TensorSpec("image", "float32", ("N", 3, "H", "W")), TensorSpec("mask", "bool", ("N", "H"))),
    (TensorSpec("y", "float32", ("N", 10)),),
    {"H": 64},
)


def refine(*texts: str) -> Signature:
    specs, examples = parse_inputs(texts)
    return MODEL.refined_by(specs, examples)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("imag:float32[N,3,H,W]", "no input 'imag'"),
        ("image:float64[N,3,H,W]", "is float32, not float64"),
        ("image:float32[N,3,H]", "has 4 dimensions, not 3"),
        ("image:float32[N,4,H,W]", "fixes axis 1 of the input 'image' at 3, not 4"),
        ("image:float32[N,C,H,W]", "fixes axis 1 of the input 'image' at 3, not C"),
    ],
)
def test_an_input_that_contradicts_the_model_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidSignature, match=message) as caught:
        refine(text)
    assert "image" in str(caught.value.remedy)


def test_a_wrong_name_suggests_the_nearest() -> None:
    with pytest.raises(InvalidSignature) as caught:
        refine("imag:float32[N,3,H,W]")
    assert "did you mean 'image'" in str(caught.value.remedy)


def test_a_fixed_dimension_is_fixed_for_every_input_and_output_that_shares_it() -> None:
    refined = refine("image[2,3,H,W]")
    assert [spec.shape for spec in (*refined.inputs, *refined.outputs)] == [(2, 3, "H", "W"), (2, "H"), (2, 10)]


def test_a_renamed_dimension_stays_shared_and_keeps_its_example() -> None:
    refined = refine("image[batch,3,height,W]")
    assert refined.inputs[1].shape == ("batch", "height")
    assert refined.size_of("height") == 64


def test_the_users_own_words_for_another_input_are_kept() -> None:
    assert refine("image[2,3,H,W]", "mask[M,H]").inputs[1].shape == ("M", "H")


def test_what_the_model_leaves_open_is_the_users_to_say() -> None:
    open_model = Signature((TensorSpec("x", "", None),))
    assert open_model.refined_by([parse_input("x:int64[N,4]")]).inputs == (TensorSpec("x", "int64", ("N", 4)),)


def test_symbols_are_listed_once_in_order() -> None:
    assert MODEL.symbols == ("N", "H", "W")


def test_a_size_nobody_has_said_is_guessed_by_position() -> None:
    assert [MODEL.size_of(symbol) for symbol in MODEL.symbols] == [3, 64, 32]
