"""Memory that ran out is known under every name that libraries give it, and nothing else is taken for it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeFramework

from modelport import Options, hookimpl, plugins, report
from modelport.errors import CheckFailed, OutOfMemory, SourceUnreadable, out_of_memory

NO_MEMORY = [
    MemoryError(),
    MemoryError("std::bad_alloc"),
    np._core._exceptions._ArrayMemoryError((2**40,), np.dtype(np.float32)),
    OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    RuntimeError("std::bad_alloc"),
    RuntimeError("bad allocation"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError(
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Exception during initialization: Failed to allocate memory"
    ),
    RuntimeError("[ONNXRuntimeError] : 1 : FAIL : std::bad_alloc"),
    RuntimeError("OOM when allocating tensor with shape[65536,65536] and type float on /job:localhost"),
    RuntimeError("{{function_node __wrapped__MatMul}} RESOURCE_EXHAUSTED: failed to allocate"),
    type("ResourceExhaustedError", (Exception,), {})("ResourceExhausted: {{node x}}"),
    ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    RuntimeError("can't start new thread"),
    ValueError("Failed to serialize proto"),
]
named = pytest.mark.parametrize("error", NO_MEMORY, ids=lambda error: f"{type(error).__name__} {error}"[:60])

OTHERS = [
    ValueError("the memory format is not contiguous"),
    RuntimeError("the tensor has more memory than allowed"),
    OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    ImportError("libtorch_cpu.so: cannot open shared object file"),
    KeyboardInterrupt(),
    CheckFailed("node 'out of memory' is unknown"),
]


@named
def test_memory_that_ran_out_is_known_by_what_libraries_say(error: Exception) -> None:
    found = out_of_memory(error)
    assert isinstance(found, OutOfMemory)
    assert found.exit_status == 3
    assert "out of memory" in str(found)
    assert "free memory" in str(found)


@named
def test_it_is_known_in_what_became_of_it_and_the_record_says_so(error: Exception) -> None:
    became = SourceUnreadable("check that the file is complete", where="m.pt")
    became.__cause__ = error
    assert isinstance(out_of_memory(became), OutOfMemory)
    failure = report.failure(became)
    assert (failure.kind, failure.exit_status, failure.where) == ("OutOfMemory", 3, "m.pt")


@pytest.mark.parametrize("error", OTHERS, ids=lambda error: f"{type(error).__name__} {error}"[:60])
def test_other_errors_are_not_taken_for_it(error: BaseException) -> None:
    assert out_of_memory(error) is None


def test_an_error_that_is_its_own_cause_ends_the_search() -> None:
    error = ValueError("round and round")
    error.__cause__ = ValueError("and round")
    error.__cause__.__cause__ = error
    assert out_of_memory(error) is None


class Exhausted(FakeFramework):
    """A framework whose loader fails."""

    def __init__(self, error: Exception) -> None:
        super().__init__("exhausted")
        self.error = error

    @hookimpl
    def load(self, source: Path) -> Any:
        raise self.error


@named
def test_a_plugin_whose_memory_ran_out_has_not_failed(
    error: Exception, registry: plugins.Registry, tmp_path: Path
) -> None:
    source = tmp_path / "m.exhausted"
    source.write_bytes(b"x")
    plugin = registry.register("exhausted", Exhausted(error))

    with pytest.raises(OutOfMemory) as caught:
        plugin.call("load", source=source, options=Options())

    assert caught.value.where == str(source)
    assert caught.value.__cause__ is error
