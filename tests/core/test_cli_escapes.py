"""Names in a model cannot steer the terminal: every command writes what would as escapes, in one place for all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from fakes import FakeFramework
from onnx import helper

from modelport import hookimpl, plugins
from modelport.cli import main
from modelport.cli.escapes import visible, visible_json, visible_line

NASTY = "a\x1b]0;title\x07\x1b[2J\r\x9b31m\u202eb\n[red]c[/]:x:\x7f\u2028\u200b"
SHOWN = r"a\x1b]0;title\x07\x1b[2J\r\x9b31m\u202eb\n[red]c[/]:x:\x7f\u2028\u200b"
_OBEYED = [*map(chr, {*range(32), *range(127, 160)} - {10}), "\u202e", "\u2028", "\u200b"]


def obeyed(text: str) -> list[str]:
    """The characters in a text that a terminal would obey."""
    return [char for char in _OBEYED if char in text]


@pytest.fixture
def model(tmp_path: Path) -> Callable[[str], Path]:
    """Write a model whose every name is nasty, with one operator that is known or not."""

    def write(operator: str) -> Path:
        value = [helper.make_tensor_value_info(name + NASTY, 1, ["N" + NASTY, 4]) for name in "xy"]
        node = helper.make_node(operator, ["x" + NASTY], ["y" + NASTY], name="node" + NASTY)
        graph = helper.make_graph([node], "graph" + NASTY, value[:1], value[1:])
        proto = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="p" + NASTY
        )
        if operator != "Relu":
            node = proto.graph.node[0]
            node.domain = "domain" + NASTY
            proto.opset_import.append(helper.make_opsetid(node.domain, 1))
        helper.set_model_props(proto, {"modelport.key" + NASTY: "value" + NASTY})
        path = tmp_path / f"{operator} \x1b[31m.onnx"
        path.write_bytes(proto.SerializeToString())
        return path

    return write


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(str(left.value.code))


@pytest.mark.parametrize(
    ("command", "operator", "status", "named"),
    [
        (["inspect", "MODEL"], "Relu", 0, "p" + SHOWN),
        (["inspect", "MODEL", "--json"], "Relu", 0, "u001b]0;title"),
        (["plan", "MODEL", "--to", "fake"], "Relu", 0, r"Relu \x1b[31m.onnx"),
        (["convert", "MODEL", "-o", "OUT", "--proof-seconds", "0"], "Relu", 0, r"\x1b]0;title"),
        (["convert", "MODEL", "-o", "OUT", "--json", "-q", "--proof-seconds", "0"], "Relu", 0, r"\u001b]0;title"),
        (["convert", "MODEL", "-o", "OUT", "--proof-seconds", "0"], "Unknown", 4, "domain"),
        (["convert", "MODEL", "-o", "OUT", "--input", "z"], "Relu", 2, SHOWN.split(r"\n")[0]),
        (["convert", "MODEL", "--to", "Z" + NASTY, "-o", "OUT"], "Relu", 2, r"Z"),
        (["verify", "MODEL", "MODEL", "--proof-seconds", "0"], "Relu", 0, r"\x1b]0;title"),
        (["run", "MODEL", "MISSING"], "Relu", 2, r"missing\x1b[31m"),
        (["compare", "MODEL", "MODEL", "--samples", "MISSING"], "Relu", 2, r"missing\x1b[31m"),
        (["optimize", "MODEL", "-o", "OUT", "--timing-seconds", "0", "--proof-seconds", "0"], "Relu", 0, "proven"),
        (["convert", "MISSING"], "Relu", 2, r"missing\x1b[31m"),
        (["no\x1b[31mcommand"], "Relu", 2, r"no\x1b[31mcommand"),
        (["inspect", "MODEL", "--no\x1b[31moption"], "Relu", 2, r"no\x1b[31moption"),
    ],
)
def test_nothing_that_a_command_prints_is_obeyed_by_the_terminal(
    command: list[str], operator: str, status: int, named: str, model: Callable[[str], Path], fake: FakeFramework,
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("COLUMNS", "400")
    paths = {"MODEL": model(operator), "OUT": tmp_path / "out\x1b[31m.onnx", "MISSING": tmp_path / "missing\x1b[31m"}
    assert run(*(paths.get(word, word) for word in command)) == status
    printed = "".join(capfd.readouterr())
    assert obeyed(printed) == []
    assert named in printed


def test_a_broken_plugins_words_are_not_obeyed(
    registry: plugins.Registry, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Entry:
        name, dist = "nasty", None

        def load(self) -> object:
            raise ImportError(NASTY)

    class Talkative(FakeFramework):
        @hookimpl
        def framework(self):
            return super().framework().__class__(NASTY, NASTY, (), (), NASTY)

    monkeypatch.setenv("COLUMNS", "400")
    registry._entries["nasty"] = Entry()  # type: ignore[assignment]
    registry.register(NASTY, Talkative(NASTY))
    assert run("plugins") == 0
    printed = "".join(capfd.readouterr())
    assert obeyed(printed) == []
    assert "broken" in printed
    assert SHOWN in printed


def test_json_stays_the_value_it_was() -> None:
    text = json.dumps({"name": NASTY + "\U000e0001"}, ensure_ascii=False)
    assert obeyed(visible_json(text)) == []
    assert json.loads(visible_json(text))["name"] == NASTY + "\U000e0001"


@pytest.mark.parametrize("text", ["plain", "zwei\nZeilen\tTab", "日本\u3000語", "a\u00a0b", "é \u2713", ""])
def test_text_of_any_script_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_a_line_holds_no_line_feed_and_what_is_no_unicode_is_shown() -> None:
    assert visible_line("a\nb\tc") == r"a\nb\tc"
    assert visible("caf\udce9") == r"caf\udce9"


def test_the_page_shows_names_as_text(model: Callable[[str], Path], tmp_path: Path) -> None:
    path, page = tmp_path / "m.onnx", tmp_path / "page.html"
    proto = onnx.load(model("Relu"))
    for old, new in ((proto.graph.node[0].output, 0), (proto.graph.node[0].input, 0)):
        old[new] = old[new][0] + "<script>alert(1)</script>"
    proto.graph.input[0].name, proto.graph.output[0].name = proto.graph.node[0].input[0], proto.graph.node[0].output[0]
    path.write_bytes(proto.SerializeToString())
    assert run("convert", path, "-o", tmp_path / "o.onnx", "--report", page, "-q", "--proof-seconds", "0") == 0
    assert "<script>alert(1)" not in page.read_text()
    assert "&lt;script&gt;alert(1)" in page.read_text()
