"""The target profile of a translation."""

from __future__ import annotations

import pytest

from modelport_converters.onnx_to_tensorflow.profile import is_lite, translating


def test_the_profile_holds_within_its_block_and_ends_with_it() -> None:
    with translating(lite=True):
        assert is_lite()
        with translating(lite=False):
            assert not is_lite()
        assert is_lite()
    assert not is_lite()


def test_an_error_ends_it_too() -> None:
    with pytest.raises(RuntimeError), translating(lite=True):
        raise RuntimeError
    assert not is_lite()
