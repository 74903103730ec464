"""The ledger: every operator that onnx defines is accounted for, and the page in docs says what the code does."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from onnx import defs

from modelport_converters.onnx_graph import ledger
from modelport_converters.onnx_graph.registry import Registry, Traits
from modelport_converters.onnx_to_tensorflow.ops import registry

DOCS = Path(__file__).parents[3] / "docs"


def status_of(found: Registry[Traits]) -> dict[str, str]:
    return {entry.name: entry.status for entry in ledger.entries(found)}


def test_every_operator_of_every_domain_is_accounted_for() -> None:
    found = ledger.entries(registry())
    assert {(schema.domain, schema.name) for schema in defs.get_all_schemas()} <= {(e.domain, e.name) for e in found}
    assert [(entry.domain, entry.name) for entry in found if entry.status == "open"] == []


def test_every_refusal_says_why() -> None:
    refused = [entry for entry in ledger.entries(registry()) if entry.status == "refused"]
    assert {entry.name for entry in refused} >= {"Gradient"}
    assert all(len(entry.reason.split()) > 3 for entry in refused)


def test_an_operator_that_nobody_mentions_is_open() -> None:
    assert status_of(Registry("Nothing", Traits))["Conv"] == "open"


def test_a_definition_counts_only_when_the_target_has_what_it_consists_of() -> None:
    def function(*values: Any) -> Any:
        return values

    lacking, complete = Registry("Lacking", Traits), Registry("Complete", Traits)
    parts = {node.op_type for node in defs.get_schema("Softsign").function_body.node}
    for name in parts:
        complete.variadic({name: function})
    for name in sorted(parts)[1:]:
        lacking.variadic({name: function})
    assert status_of(complete)["Softsign"] == "inlined"
    assert status_of(lacking)["Softsign"] == "open"


def test_an_operator_that_onnx_does_not_define_is_listed_too() -> None:
    found = Registry("Target", Traits)
    found.variadic({"Own": max}, domain="com.example")
    found.refuse({"Other": "it depends on a|b"}, domain="com.example")
    assert "| Own |  | com.example | native |  |" in ledger.table(found)
    assert "| Other |  | com.example | refused | it depends on a&#124;b |" in ledger.table(found)


def test_the_page_in_docs_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("coverage_page", DOCS / "coverage.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.page() != (DOCS / "coverage.md").read_text():
        pytest.fail("docs/coverage.md does not say what the code does: run `python docs/coverage.py`")
