"""The report's page in headless Chromium, on the report of a real conversion; and ``--report`` on the command line.

The tests in a browser need Debian's packages chromium and chromium-driver, and selenium.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_reader import PageReader
from page_records import RECORDS

import modelport as package
from modelport.workbench import html

pytest.importorskip("jinja2")

PHONE, DESKTOP = 360, 1280
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium that logs its console and every request."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("Chromium is not installed: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chromium = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chromium
    chromium.quit()


@pytest.fixture(scope="module")
def report(onnx_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The report of a conversion, as JSON."""
    target = tmp_path_factory.mktemp("report") / "model.onnx"
    return package.convert(onnx_files / "repeating.onnx", output=target).report


@pytest.fixture
def shown(browser: Any, report: Any, tmp_path: Path) -> Any:
    """The browser, showing the conversion's page."""
    html.write(report, tmp_path / "report.html", command="modelport convert")
    look_at(browser, tmp_path / "report.html")
    return browser


def look_at(browser: Any, path: Path, *, width: int = DESKTOP, scheme: str = "light") -> None:
    """Open a page at a width, in a colour scheme, with empty logs."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(path.as_uri())


def values(browser: Any, selector: str) -> list[float]:
    """Return the exact numbers that elements hold."""
    script = "return [...document.querySelectorAll(arguments[0])].map(element => Number(element.dataset.value))"
    numbers: list[float] = browser.execute_script(script, selector)
    return numbers


def table(browser: Any, caption: str) -> list[list[str]]:
    """Return the texts of a table's body, found by the beginning of its caption."""
    script = """
        const table = [...document.querySelectorAll("table")].find(t => t.caption.innerText.startsWith(arguments[0]));
        return [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.innerText));
    """
    rows: list[list[str]] = browser.execute_script(script, caption)
    return rows


# --- in a browser --------------------------------------------------------------------------------


@pytest.mark.xdist_group("chromium")
@pytest.mark.parametrize("kind", RECORDS)
def test_a_page_opens_without_a_word_on_the_console_and_asks_for_nothing(
    kind: str, browser: Any, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    html.write(RECORDS[kind](), path)
    look_at(browser, path)

    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.readyState") == "complete"
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)") == []


@pytest.mark.xdist_group("chromium")
def test_its_tables_hold_the_report_s_numbers(shown: Any, report: Any) -> None:
    record = json.loads(report.to_json())
    (proof,) = record["proofs"]
    cases = [(case, figures) for case in proof["cases"] for figures in case["outputs"]]

    rows = table(shown, "Every case")

    assert [(row[0], row[2]) for row in rows] == [(case["label"], figures["output"]) for case, figures in cases]
    assert [int(row[1]) for row in rows] == [case["sizes"]["N"] for case, _ in cases]
    assert table(shown, "What took part") == [[name, number] for name, number in record["versions"].items()]
    assert record["source_sha256"] in shown.find_element("css selector", ".facts").text
    assert values(shown, ".key dd")[1:3] == [len(proof["cases"]), record["size_bytes"]]


@pytest.mark.xdist_group("chromium")
def test_its_bars_are_as_long_as_the_stages_took(shown: Any, report: Any) -> None:
    stages = json.loads(report.to_json())["stages"]
    script = "return [...document.querySelectorAll('svg.bars rect')].map(bar => bar.getBoundingClientRect().width)"

    lengths = shown.execute_script(script)

    assert values(shown, "svg.bars g") == [stage["seconds"] for stage in stages]
    scale = max(lengths) / max(stage["seconds"] for stage in stages)
    assert lengths == pytest.approx([stage["seconds"] * scale for stage in stages], abs=0.1)


@pytest.mark.xdist_group("chromium")
def test_its_histogram_holds_the_proof_s_counts(shown: Any, report: Any) -> None:
    (figures,) = json.loads(report.to_json())["proofs"][0]["outputs"]

    assert values(shown, "svg.histogram g") == figures["ratios"]
    assert sum(figures["ratios"]) == figures["elements"] > 0


@pytest.mark.xdist_group("chromium")
def test_a_screen_reader_hears_landmarks_and_the_name_of_every_chart_and_table(shown: Any) -> None:
    tree = shown.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    names = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node.get("ignored")]

    roles = {role for role, _ in names}
    assert {"banner", "navigation", "main", "contentinfo"} <= roles
    assert all(name for role, name in names if role in ("image", "img", "table", "region", "navigation"))
    charts = [name for role, name in names if role in ("image", "img")]
    assert any("the longest is" in name for name in charts)


@pytest.mark.xdist_group("chromium")
def test_the_dark_scheme_turns_its_colours_round(browser: Any, report: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    html.write(report, path)
    light, dark = (colours(browser, path, scheme) for scheme in ("light", "dark"))

    assert all(sum(channels) > 600 for channels in (light["paper"], dark["ink"]))
    assert all(sum(channels) < 150 for channels in (light["ink"], dark["paper"]))
    assert light["bar"] != dark["bar"]


def colours(browser: Any, path: Path, scheme: str) -> dict[str, list[int]]:
    look_at(browser, path, scheme=scheme)
    script = """
        const body = getComputedStyle(document.body), bar = getComputedStyle(document.querySelector("svg .bar"));
        const channels = text => text.match(/\\d+/g).slice(0, 3).map(Number);
        return {paper: channels(body.backgroundColor), ink: channels(body.color), bar: channels(bar.fill)};
    """
    found: dict[str, list[int]] = browser.execute_script(script)
    return found


@pytest.mark.xdist_group("chromium")
@pytest.mark.parametrize("kind", RECORDS)
def test_on_a_phone_only_tables_scroll_sideways(kind: str, browser: Any, tmp_path: Path) -> None:
    html.write(RECORDS[kind](), tmp_path / "report.html")
    look_at(browser, tmp_path / "report.html", width=PHONE)
    browser.execute_script("document.querySelectorAll('details').forEach(details => details.open = true)")
    script = """
        const reach = element => element.getBoundingClientRect().right;
        const scrolls = element => element.closest(".scroll, .hidden, .skip");
        return [document.documentElement.scrollWidth,
                ...[...document.querySelectorAll("body *")].filter(e => !scrolls(e)).map(reach)];
    """

    assert max(browser.execute_script(script)) <= PHONE


# --- on the command line -------------------------------------------------------------------------


def test_a_conversion_writes_its_page_with_the_command_to_repeat_it(
    convert: Any, onnx_files: Path, tmp_path: Path
) -> None:
    page, target = tmp_path / "the report.html", tmp_path / "out.onnx"

    outcome = convert(onnx_files / "doubling.onnx", "-o", target, "--report", page, "--json")

    assert outcome.status == 0, outcome.err
    text = page.read_text(encoding="utf-8")
    assert json.loads(outcome.out)["source_sha256"] in text
    assert f"convert {onnx_files / 'doubling.onnx'} -o {target} --report &#39;{page}&#39; --json" in text
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.onnx", "the report.html"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("optimize", "{model}", "-o", "{out}", "--timing-seconds", "0.1"), "Optimisation, portable"),
        (
            ("quantize", "{model}", "-o", "{out}", "--mode", "float16", "--timing-seconds", "0.1"),
            "Quantisation, float16",
        ),
        (("bench", "{model}", "--seconds", "0.1", "--no-memory"), "Benchmark"),
        (("compare", "{model}", "{other}", "--samples", "{samples}"), "Comparison on real data"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_every_command_of_the_workbench_writes_its_page(
    words: tuple[str, ...], says: str, modelport: Any, onnx_files: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "samples.npz", x=np.ones((3, 4), np.float32))
    paths = {
        "model": onnx_files / "doubling.onnx",
        "other": onnx_files / "tripling.onnx",
        "out": tmp_path / "out.onnx",
        "samples": tmp_path / "samples.npz",
    }
    typed = [word.format(**paths) for word in words]

    outcome = modelport(*typed, "--report", tmp_path / "report.html")

    assert outcome.status == 0, outcome.err
    read = PageReader((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert says in read.text_in("p")
    assert " ".join(["modelport", *typed]) in read.text_in("code")[-1]


def test_a_quantisation_beyond_its_budget_writes_its_page_with_the_loss(
    modelport: Any, onnx_files: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"

    outcome = modelport(
        "quantize", onnx_files / "repeating.onnx", "-o", tmp_path / "q.onnx", "--mode", "dynamic", "--max-error", "1e-9",
        "--report", page,
    )  # fmt: skip

    assert outcome.status == 5, outcome.err
    read = PageReader(page.read_text(encoding="utf-8"))
    assert "Budget exceeded" in read.text_in("p")
    assert any("the error is the norm" in table.caption for table in read.tables)


def test_a_conversion_that_fails_writes_its_page_too(convert: Any, tmp_path: Path) -> None:
    source, page = tmp_path / "broken.onnx", tmp_path / "report.html"
    source.write_bytes(b"no model at all")

    outcome = convert(source, "-f", "onnx", "-o", tmp_path / "out.onnx", "--report", page)

    assert outcome.status == 2
    text = page.read_text(encoding="utf-8")
    assert "SourceUnreadable, exit status 2" in text
    assert "Nothing was delivered" in text
    assert sorted(file.name for file in tmp_path.iterdir()) == ["broken.onnx", "report.html"]


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("missing/report.html", "cannot write the report: there is no such folder"),
        ("model.onnx", "not named as an HTML page"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_before_any_work(
    page: str, says: str, refused: Any, onnx_files: Path, tmp_path: Path
) -> None:
    outcome = refused(onnx_files / "doubling.onnx", "--report", tmp_path / page, status=2, says=(says,))

    assert "✓" not in outcome.err


def test_a_missing_jinja_is_named_before_any_work(refused: Any, absent: Any, onnx_files: Path, tmp_path: Path) -> None:
    absent("jinja2")

    outcome = refused(
        onnx_files / "doubling.onnx",
        "--report",
        tmp_path / "r.html",
        status=6,
        says=("pip install 'modelport[workbench]'",),
    )

    assert "✓" not in outcome.err
