"""The user's samples: read from every accepted kind, and fitted to a signature or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from PIL import Image

from modelport.data.preprocessing import parse
from modelport.data.sample_files import fit, read
from modelport.errors import InvalidSamples
from modelport.signature import Signature, TensorSpec, parse_input

MATRIX = np.arange(6, dtype=np.float64).reshape(3, 2)


def signature(*texts: str, **fields: Any) -> Signature:
    specs = [parse_input(text) for text in texts]
    return Signature(tuple(TensorSpec(s.name, s.dtype, s.shape, **fields) for s in specs))


def fitted(samples: Any, *texts: str, **fields: Any) -> dict[str, np.ndarray]:
    return fit(read(samples), signature(*texts, **fields))


class Frame:
    """What a DataFrame is to the core: columns by name."""

    def __init__(self, **columns: list[Any]) -> None:
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name: str) -> list[Any]:
        return self._columns[name]


def csv_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    return path


# --- kinds ---------------------------------------------------------------------------------------


def test_a_lone_array_belongs_to_the_only_input() -> None:
    array = fitted(MATRIX, "x:float32[N,2]")["x"]
    np.testing.assert_array_equal(array, MATRIX)
    assert array.dtype == np.float32


def test_npy_and_npz_files_are_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", MATRIX)
    np.savez(tmp_path / "a.npz", x=MATRIX, k=np.asarray([1, 2, 3]))
    np.testing.assert_array_equal(fitted(tmp_path / "a.npy", "x:float64[N,2]")["x"], MATRIX)
    arrays = fitted(str(tmp_path / "a.npz"), "k:int64[N]", "x:float64[N,2]")
    np.testing.assert_array_equal(arrays["k"], [1, 2, 3])


def test_conditions_of_a_csv_file_are_bools_and_texts_where_texts_are_asked_for(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "member,paid,other\nTrue,False,true\nFalse,False,yes\n")
    assert read(path).columns["member"].tolist() == [True, False]
    assert read(path).columns["other"].tolist() == ["true", "yes"]
    found = fitted(path, "member:bool[N,1]", "paid:string[N,1]", "other:string[N,1]")
    assert found["member"].tolist() == [[True], [False]]
    assert found["paid"].tolist() == [["False"], ["False"]]


def test_columns_of_a_csv_file_are_matched_by_name_and_typed(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "\ufeffage, city ,weight\n30,Rome,70.5\n\n41,Oslo,\n")
    assert [str(spec) for spec in read(path).specs] == ["age:int64[N]", "city:string[N]", "weight:float64[N]"]
    specs = (
        TensorSpec("city", "string", ("N", 1)),
        TensorSpec("weight", "float32", ("N", 1), nan=True),
        TensorSpec("age", "int64", ("N", 1)),
    )
    arrays = fit(read(path), Signature(specs))
    assert arrays["city"].tolist() == [["Rome"], ["Oslo"]]
    np.testing.assert_array_equal(arrays["weight"], np.asarray([[70.5], [np.nan]], np.float32))
    assert arrays["age"].tolist() == [[30], [41]]


@pytest.mark.parametrize("samples", [Frame(b=[3.0, 4.0], a=[1.0, 2.0]), {"b": [3.0, 4.0], "a": [1.0, 2.0]}])
def test_columns_of_a_table_make_up_one_matrix_in_the_models_order(samples: Any) -> None:
    assert fitted(samples, "x:float32[N,2]", columns=("a", "b"))["x"].tolist() == [[1, 3], [2, 4]]


def test_without_names_the_columns_are_taken_as_they_stand(tmp_path: Path) -> None:
    assert fitted(csv_file(tmp_path, "p,q\n1,2\n3,4\n"), "x:float32[N,2]")["x"].tolist() == [[1, 2], [3, 4]]


def test_columns_that_the_model_does_not_use_are_left_out() -> None:
    assert fitted(Frame(a=[1.0], target=[9.0], b=[2.0]), "x:float32[N,2]", columns=("a", "b"))["x"].tolist() == [[1, 2]]


def test_bfloat16_and_strings_get_their_own_types() -> None:
    assert fitted(MATRIX, "x:bfloat16[N,2]")["x"].dtype == ml_dtypes.bfloat16
    words = fitted(np.asarray([["a"], ["b"]]), "x:string[N,1]")["x"]
    assert words.dtype == object
    assert type(words[0, 0]) is str


@pytest.mark.parametrize(
    ("sample", "text", "shape"),
    [
        (np.zeros((3, 8, 8)), "x:float32[N,3,8,8]", (1, 3, 8, 8)),
        (np.zeros(4), "x:float32[N,4]", (1, 4)),
        (np.zeros(4), "x:float32[N,1]", (4, 1)),
        (np.zeros(4), "x:float32[N,F]", (4, 1)),
        (np.zeros(1), "x:float32[N,1]", (1, 1)),
        (np.float32(1), "x:float32[N]", (1,)),
        (np.float32(1), "x:float32[]", ()),
    ],
)
def test_one_sample_may_come_without_its_batch_axis(sample: Any, text: str, shape: tuple[int, ...]) -> None:
    assert fitted(sample, text)["x"].shape == shape


# --- images --------------------------------------------------------------------------------------


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "notes.txt").write_text("not an image")
    for name, colour in (("b.png", (255, 0, 0)), ("a.png", (0, 0, 255))):
        Image.new("RGB", (10, 6), colour).save(folder / name)
    return folder


def test_images_are_resized_scaled_and_laid_out_as_the_model_wants(images: Path) -> None:
    first = fitted(images, "x:float32[N,3,4,5]")["x"]
    last = fitted(images, "x:float32[N,4,5,3]")["x"]
    np.testing.assert_allclose(first[:, :, 0, 0], [[0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), last)
    assert first.shape == (2, 3, 4, 5)


def test_images_stay_whole_numbers_for_an_integer_input(images: Path) -> None:
    array = fitted(images, "x:uint8[N,1,4,4]")["x"]
    assert array.dtype == np.uint8
    luma = [round(255 * 0.114), round(255 * 0.299)]  # ITU-R BT.601
    np.testing.assert_allclose(array[:, 0, 0, 0], luma, atol=1)


def test_images_may_be_given_one_by_one(images: Path) -> None:
    one = fitted(images / "b.png", "x:float32[N,4,5,3]")["x"]
    several = fitted([images / "b.png", images], "x:float32[N,4,5,3]")["x"]

    np.testing.assert_allclose(one[:, 0, 0], [[1, 0, 0]])
    np.testing.assert_allclose(several[:, 0, 0], [[1, 0, 0], [0, 0, 1], [1, 0, 0]])


def test_images_are_prepared_as_the_samples_say(images: Path) -> None:
    samples = read(images)
    samples = replace(samples, preprocessing=parse("minus1to1"))

    found = fit(samples, signature("x:float32[N,4,5,3]"))["x"]

    np.testing.assert_allclose(found[:, 0, 0], [[-1, -1, 1], [1, -1, -1]])


def test_a_damaged_image_is_named(images: Path) -> None:
    (images / "c.png").write_bytes(b"no picture")
    with pytest.raises(InvalidSamples) as caught:
        fitted(images, "x:float32[N,3,4,5]")
    assert str(caught.value.where).endswith("c.png")


@pytest.mark.parametrize(
    "texts", [("x:float32[N,7,8,8]",), ("x:float32[N,4]",), ("x:float32[N,3,8,8]", "y:float32[N,3,8,8]")]
)
def test_images_need_one_input_of_images(images: Path, texts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSamples, match="folder of images needs"):
        fitted(images, *texts)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "texts", "fields", "message"),
    [
        ({"x": MATRIX}, ("x:float32[N,2]", "mask:bool[N]"), {}, "lack mask"),
        ({"x": MATRIX, "msk": MATRIX}, ("x:float32[N,2]", "mask:bool[N]"), {}, r"mask \(did you mean 'msk'\?\)"),
        (Frame(a=[1.0]), ("x:float32[N,2]",), {"columns": ("a", "b")}, r"lack the column\(s\) b"),
        (Frame(a=[1.0], b=[1.0], c=[1.0]), ("x:float32[N,2]",), {}, "3 columns, the input 'x' has 2"),
        (Frame(a=[1.0], b=["red"]), ("x:float32[N,2]",), {}, r"column\(s\) b hold text"),
        (MATRIX, ("x:float32[N,3]",), {}, "axis 1 of the samples is 2, not 3"),
        (MATRIX, ("x:float32[N,3,8,8]",), {}, "2 dimensions, not 4"),
        (MATRIX, ("x:int64[N,2]",), {}, "float64, the model takes int64"),
        (MATRIX, ("x:string[N,2]",), {}, "float64, the model takes string"),
        (np.asarray([["a"]]), ("x:float32[N,1]",), {}, "string, the model takes float32"),
        (np.asarray([[1.0], [np.nan], [np.nan]]), ("x:float32[N,1]",), {}, "2 samples hold NaN, the first in row 1"),
        (np.asarray(np.nan), ("x:float32[]",), {}, "1 samples hold NaN"),
        (np.asarray([300]), ("x:uint8[N]",), {}, "exceed the range of uint8"),
        (np.asarray([-1]), ("x:uint64[N]",), {}, "exceed the range of uint64"),
        ({"a": MATRIX, "b": MATRIX[:2]}, ("a:float32[N,2]", "b:float32[N,2]"), {}, "different numbers of rows"),
        (np.zeros((0, 2)), ("x:float32[N,2]",), {}, "no samples"),
        ([object()], ("x:float32[N]",), {}, "cannot read samples of type list"),
    ],
)
def test_samples_that_do_not_fit_are_refused(
    samples: Any, texts: tuple[str, ...], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidSamples, match=message) as caught:
        fitted(samples, *texts, **fields)
    assert caught.value.exit_status == 2
    assert caught.value.remedy


def test_nan_passes_where_the_model_takes_missing_values() -> None:
    assert np.isnan(fitted(np.asarray([[np.nan]]), "x:float32[N,1]", nan=True)["x"]).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1\n", "line 2 has 1 fields"),
        ("a,b\n", "at least one row"),
        ("", "at least one row"),
        ("a,a\n1,2\n", "same name"),
    ],
)
def test_a_table_that_is_no_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidSamples, match=message):
        read(csv_file(tmp_path, text))


@pytest.mark.parametrize("name", ["missing.npy", "data.parquet", "broken.npy", "broken.npz", "pickled.npy", "empty"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    for broken in ("broken.npy", "broken.npz", "data.parquet"):
        (tmp_path / broken).write_bytes(b"not an array")
    np.save(tmp_path / "pickled.npy", np.asarray([{}]), allow_pickle=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidSamples) as caught:
        read(tmp_path / name)
    assert name in str(caught.value.where)
