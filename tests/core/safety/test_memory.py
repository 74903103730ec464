"""The memory limit: read from text, known from the machine, held by a context, and put to sizes before they are allocated."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from modelport.errors import BadInput, TooLarge
from modelport.safety import memory


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("8GB", 8 * 10**9),
        ("8gb", 8 * 10**9),
        ("1.5 GB", 15 * 10**8),
        ("512MiB", 512 * 2**20),
        ("16G", 16 * 10**9),
        ("16Gi", 16 * 2**30),
        ("1000000", 10**6),
        ("64 kB", 64_000),
        ("2TB", 2 * 10**12),
        ("100 bytes", 100),
    ],
)
def test_a_size_is_read_in_decimal_and_binary_units(text: str, count: int) -> None:
    assert memory.parse(text) == count


@pytest.mark.parametrize("text", ["", "GB", "8 apples", "-8GB", "8iB", "1e9", "8GBB", "9" * 400, "8.GB", "\u221e"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="cannot read the size"):
        memory.parse(text)


@pytest.mark.parametrize("size", [0, -1, "0GB"])
def test_a_limit_that_admits_nothing_is_refused(size: int | str) -> None:
    with pytest.raises(BadInput, match="admits nothing"), memory.limited(size):
        pass


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (12_884_901_888, "12.9 GB"), (2**70, "1180.6 EB")],
)
def test_sizes_are_written_for_people(count: int, text: str) -> None:
    assert memory.written(count) == text


def test_the_default_is_three_quarters_of_what_this_process_may_have() -> None:
    assert memory.limit() == int(0.75 * memory.machine_bytes())
    assert 2**28 < memory.machine_bytes() < 2**50


def test_what_is_beyond_the_limit_is_refused_by_name_size_and_limit() -> None:
    with memory.limited("1GB"), pytest.raises(TooLarge) as caught:
        memory.require(3 * 10**9, "the output 'y' of the node 'fill'", where="m.onnx")
    assert "'y' of the node 'fill' takes 3.0 GB, more than the memory limit of 1.0 GB" in str(caught.value)
    assert "m.onnx" in str(caught.value)
    assert "--memory" in str(caught.value)
    assert caught.value.exit_status == 2


def test_what_fits_exactly_is_admitted() -> None:
    with memory.limited(100):
        memory.require(100, "x")


def test_limits_nest_and_end_with_their_block() -> None:
    before = memory.limit()
    with memory.limited(100):
        with memory.limited(None):
            assert memory.limit() == 100
        with memory.limited(50):
            assert memory.limit() == 50
        assert memory.limit() == 100
    assert memory.limit() == before


def test_a_limit_holds_in_its_own_thread_alone() -> None:
    seen = []
    with memory.limited(100):
        thread = threading.Thread(target=lambda: seen.append(memory.limit()))
        thread.start()
        thread.join()
    assert seen == [int(0.75 * memory.machine_bytes())]


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("0::/jobs/mine", "jobs/memory.max"),
        ("0::/jobs/mine", "memory.max"),
        ("4:memory:/jobs/mine", "memory/jobs/mine/memory.limit_in_bytes"),
        ("4:cpu,memory:/", "memory/memory.limit_in_bytes"),
    ],
)
def test_limits_of_containers_are_found_in_their_groups_and_the_groups_above(
    line: str, file: str, tmp_path: Path
) -> None:
    own = tmp_path / "cgroup"
    own.write_text(f"3:cpuset:/jobs\n{line}\n")
    limit = tmp_path / "fs" / file
    limit.parent.mkdir(parents=True)
    limit.write_text("1073741824\n")
    assert memory._cgroup_limits(own, tmp_path / "fs") == [2**30]


def test_groups_without_a_limit_limit_nothing(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/mine\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/memory.max").write_text("max\n")
    assert memory._cgroup_limits(own, tmp_path) == []
    assert memory._cgroup_limits(tmp_path / "missing", tmp_path) == []
