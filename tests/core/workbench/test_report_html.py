"""The report's page without a browser: well formed, escaped, self-contained, readable, and holding the record's numbers."""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from page_reader import PageReader, PageTable
from page_records import (
    FLOATS,
    LONG,
    NAUGHTY,
    RECORDS,
    STAGES,
    benchmark,
    comparison,
    conversion,
    optimisation,
    quantisation,
)

from modelport.errors import BadInput, FrameworkNotInstalled, NotEquivalent, OutputNotWritable
from modelport.report import CaseResult, Figures, Proof, Report, failure
from modelport.workbench import html, page
from modelport.workbench.charts import Bar, Bars, Histogram, Lines, Series

pytest.importorskip("jinja2")

THIN_TIMES = "\N{NARROW NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NARROW NO-BREAK SPACE}"
COMMAND = "modelport convert 'a b.keras' -o b.onnx"


@pytest.fixture(params=RECORDS)
def text(request: pytest.FixtureRequest) -> str:
    """The page of each kind of record."""
    return html.render(RECORDS[request.param](), command=COMMAND)


def table(record: Any, caption: str) -> PageTable:
    (found,) = (table for table in PageReader(html.render(record)).tables if table.caption.startswith(caption))
    return found


def values(cells: list[tuple[str, str | None]]) -> list[float | None]:
    return [float(value) if value else None for _, value in cells]


# --- every page ----------------------------------------------------------------------------------


def test_every_page_is_well_formed_with_unique_ids_and_no_dangling_reference(text: str) -> None:
    read = PageReader(text)
    ids = read.attributes("id")
    assert len(ids) == len(set(ids))
    labels = [label for value in read.attributes("aria-labelledby") for label in value.split()]
    anchors = [link[1:] for link in read.attributes("href") if link.startswith("#")]
    assert {*labels, *anchors} <= set(ids)
    assert {tag for tag, _ in read.elements} >= {"header", "nav", "main", "footer", "title"}


def test_every_page_loads_nothing_and_forbids_itself_to(text: str) -> None:
    read = PageReader(text)
    assert not re.search(r"https?://|url\(|@import|@font-face", text)
    assert not read.attributes("src")
    assert all(link.startswith(("#", "data:")) for link in read.attributes("href"))
    assert any("default-src 'none'" in content for content in read.attributes("content"))


def test_every_name_is_text_and_never_markup(text: str) -> None:
    assert "script" not in {tag for tag, _ in PageReader(text).elements}
    assert NAUGHTY not in text


def test_headings_descend_by_one_level_from_a_single_first(text: str) -> None:
    levels = [int(tag[1]) for tag, _ in PageReader(text).elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_table_has_a_caption_scoped_headers_and_rows_of_one_length(text: str) -> None:
    read = PageReader(text)
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in read.elements if tag == "th")
    for found in read.tables:
        assert found.caption
        assert {len(row) for row in found.rows} == {len(found.columns)}


def test_every_chart_has_a_title_a_description_and_a_table_of_its_numbers(text: str) -> None:
    read = PageReader(text)
    charts = [attributes for tag, attributes in read.elements if tag == "svg" and attributes.get("role") == "img"]
    ids = set(read.attributes("id"))
    assert {f"{chart['id']}-table" for chart in charts} <= ids
    assert len(read.text_in("desc")) == len(charts)


def test_the_command_to_repeat_it_is_on_the_page(text: str) -> None:
    assert COMMAND in PageReader(text).text_in("code")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_background_as_wcag_asks(scheme: str) -> None:
    css = html.render(conversion())
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[scheme == "dark"]))
    for ink in ("ink", "muted", "accent", "good", "warn", "bad", *(f"s{index}" for index in range(1, 7))):
        assert contrast(colours[ink], colours["paper"]) >= 4.5, ink
    assert contrast(colours["ink"], colours["raised"]) >= 4.5


def contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# --- what each page says -------------------------------------------------------------------------


def test_a_conversion_shows_every_case_with_its_sizes_and_figures() -> None:
    record = conversion()
    record.proofs = record.proofs[:1]
    found = table(record, "Every case")
    assert values(found.column("N")) == [3, 3, 3, 1, 1, 1, 5, 5, 5]
    assert [text for text, _ in found.column("output")] == [NAUGHTY, LONG, "label"] * 3
    assert values(found.column("largest difference")) == [2e-7, 4.0, None] * 3
    assert values(found.column("out of tolerance")) == [0, 3, None] * 3
    assert values(found.column("flips")) == [None, None, 2] * 3
    assert [text for text, _ in found.column("verdict")][:2] == ["agrees", "3 of 8 values beyond"]


def test_a_conversion_shows_its_stages_and_its_versions() -> None:
    assert values(table(conversion(), "Stages").column("time")) == [stage.seconds for stage in STAGES]
    assert table(conversion(), "What took part").rows == [[("onnx", None), ("1.23.2", None)]]


def test_a_reason_as_long_as_a_page_is_cut_in_the_table_and_whole_in_the_error() -> None:
    reason = "5 of 10 values beyond; " * 50
    record = Report("a.keras", "0.1", verdict="failed", error=failure(NotEquivalent(reason)))
    wrong = Figures("y", 10, max_abs=1.0, out_of_tolerance=5, reason=reason)
    record.proofs = [Proof("failed", "r", "c", 1e-3, 1e-5, 0.1, [wrong], [CaseResult("normal", {}, [wrong])])]
    ((text, _),) = table(record, "Every case").column("verdict")
    assert text.startswith("5 of 10 values beyond; ")
    assert len(text) <= 142
    assert reason in html.render(record)


@pytest.mark.parametrize(
    ("what", "headline"),
    [("there is no such file", "There is no such file."), ("m.onnx differs:\n    y", "m.onnx differs.")],
)
def test_an_error_is_told_as_a_sentence_that_leaves_names_as_they_are(what: str, headline: str) -> None:
    assert headline in PageReader(html.render(failure(BadInput(what)))).text_in("p")


def test_a_failed_conversion_says_what_where_and_what_to_do() -> None:
    text = "".join(text for _, text in PageReader(html.render(conversion())).texts)
    for part in ("What went wrong", f"it is {NAUGHTY}", "do this", "BadInput, exit status 2", "Nothing was delivered"):
        assert part in text


@pytest.mark.parametrize(
    ("verdict", "word"), [("proven", "Proven"), ("unproven", "Unproven"), ("incomplete", "Not provable")]
)
def test_the_verdict_comes_first(verdict: Any, word: str) -> None:
    record = Report("a.keras", "0.1", verdict=verdict, proofs=conversion().proofs)
    assert html.render(record).partition("<title>")[2].startswith(f"{word}: a.keras")


def test_the_distribution_of_differences_is_tabulated_bin_by_bin() -> None:
    record = conversion()
    record.proofs = record.proofs[:1]
    tables = [t for t in PageReader(html.render(record)).tables if t.caption.startswith("Values by their difference")]
    assert values(tables[0].column("values")) == FLOATS.ratios
    assert [name for name, _ in tables[0].column("share of the tolerance")][:2] == ["equal", "up to 10⁻⁶"]


def test_a_benchmark_shows_every_timing() -> None:
    record = benchmark()
    timings = [timing for case in record.cases for timing in case.timings]
    found = table(record, "Quantiles")
    assert values(found.column("p50")) == [timing.p50 for timing in timings]
    assert values(found.column("p99")) == [timing.p99 for timing in timings]
    assert values(found.column("ratio")) == [timing.ratio and timing.ratio.value for timing in timings]
    ratios = [timing.ratio.value for timing in timings if timing.ratio]
    assert values(table(record, "Time as a multiple").column("ratio")) == ratios
    assert values(table(record, "Median time over S").column("p50")) == pytest.approx(
        [case.timings[index].p50 for index in range(3) for case in record.cases]
    )


def test_a_quantisation_shows_errors_operators_sizes_and_what_stayed_in_float() -> None:
    record = quantisation()
    assert values(table(record, "c against r").column("error")) == [0.031, None]
    assert [row[0][0] for row in table(record, "How often").rows] == ["all", "QuantizeLinear", "Relu", "Conv"]
    assert values(table(record, "How often").column("change")) == [5, 6, -1, None]
    assert values(table(record, "Size of the model").column("size")) == [1_400_000, 380_000]
    assert values(table(record, "Left in float by --auto").column("error")) == [0.2]


def test_an_optimisation_shows_operators_speed_and_proof() -> None:
    record = optimisation()
    assert values(table(record, "How often").column("change")) == [-6, -6, -2, 2]
    assert values(table(record, "Median time of a run").column("time")) == [0.003, 0.0021]
    assert values(table(record, "Every case").column("largest difference")) == [2e-7]


def test_a_comparison_shows_every_sample_the_worst_first() -> None:
    record = comparison()
    found = table(record, "Every sample")
    assert values(found.column("largest difference")) == [row.max_difference for row in record.rows]
    assert found.column("a.keras")[0][0] == f"{NAUGHTY} 90.0%, {LONG} 5.0%"
    assert values(table(record, "Every model against").column("same best class")) == [0.95]


def test_a_record_without_a_page_is_a_bug_and_named() -> None:
    with pytest.raises(TypeError, match="no page for dict"):
        html.render({})


# --- charts and numbers --------------------------------------------------------------------------


def test_bars_are_as_long_as_their_numbers_and_leave_room_for_them() -> None:
    chart = Bars("t", "d", [Bar("a", 4.0, "4 s"), Bar("b", 1.0, "1 s"), Bar("c", 0.0, "0 s")])
    lengths = [chart.x(bar.value) - chart.start for bar in chart.bars]
    assert lengths[0] == pytest.approx(4 * lengths[1], abs=2e-3)
    assert lengths[2] == 0
    assert chart.x(4.0) < 95


def test_a_histogram_draws_what_is_there_and_marks_what_is_beyond() -> None:
    bins = Histogram("t", "d", [500, 0, 499, 1], [0.1, 1.0]).bins
    assert [height for _, height, *_ in bins] == [112, 0, 111.78, 2]
    assert [share for *_, share, _ in bins] == ["50%", "", "50%", "<1%"]
    assert [beyond for *_, beyond in bins] == [False, False, False, True]


def test_lines_are_drawn_on_logarithmic_axes_between_round_values() -> None:
    chart = Lines("t", "d", "x", "y", [Series("a", [(1, 3.0), (10, 30.0), (100, 300.0)])])
    assert [chart.x(x) for x in (1, 10, 100)] == [4, 50, 96]
    assert chart.y_limits == (2.0, 500.0)
    assert chart.y(2.0) == 100
    assert chart.y(500.0) == 0


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "\N{EN DASH}"),
        (0.0, "0"),
        (1.79e-7, "1.79x10⁻⁷"),
        (0.0123, "0.0123"),
        (1234.5, "1234"),
        (1e9, "1.00x10⁹"),
        (float("inf"), "∞"),
    ],
)
def test_numbers_of_any_magnitude_are_written_with_three_digits(number: float | None, text: str) -> None:
    assert page.small(number).text.replace(THIN_TIMES, "x") == text


@pytest.mark.parametrize(("number", "text"), [(1e-5, "10⁻⁵"), (1e-3, "0.001"), (2.5e-7, "2.5x10⁻⁷")])
def test_a_chosen_number_is_written_as_it_was_chosen(number: float, text: str) -> None:
    assert page.exact(number).replace(THIN_TIMES, "x") == text


@pytest.mark.parametrize(
    ("number", "text"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (4e-6, "4 µs"), (0.0, "0 s"), (754.2, "754 s")]
)
def test_times_are_written_in_the_unit_that_suits_them(number: float, text: str) -> None:
    assert page.seconds(number).text.replace("\N{NO-BREAK SPACE}", " ") == text


# --- writing -------------------------------------------------------------------------------------


def test_a_page_is_written_whole_and_replaces_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("before")
    html.write(conversion(), path)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("before")

    def full(self: Path, *args: Any, **options: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputNotWritable, match="no space left"):
        html.write(conversion(), path)
    assert path.read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("name", ["model.onnx", "report", "report.json"])
def test_a_report_must_be_named_as_a_page_so_that_no_model_is_overwritten(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not named as an HTML page"):
        html.check_path(tmp_path / name)


def test_a_missing_folder_is_named_before_any_work_with_the_option_to_change(tmp_path: Path) -> None:
    with pytest.raises(OutputNotWritable, match="cannot write the report: there is no such folder") as caught:
        html.check_path(tmp_path / "missing" / "report.html")
    assert caught.value.remedy == "choose another path with --report"


def test_a_missing_jinja_is_named_with_its_pip_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(FrameworkNotInstalled) as caught:
        html.check_path(tmp_path / "report.html")
    assert caught.value.remedy == "pip install 'modelport[workbench]'"
