"""The fake framework beside the installed ones."""

from collections.abc import Iterator

import pytest
from delicate_case import with_fakes


@pytest.fixture(autouse=True)
def _fakes() -> Iterator[None]:
    with with_fakes():
        yield
