"""What people export with PyTorch loads without trust; what is not known to be pure is told apart by its operators."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pytorch_exports import CASES, save

from modelport.spec import Options
from modelport_plugins import pytorch as plugin

pytestmark = pytest.mark.xdist_group("pytorch")

EXPORTS = [(name, way) for name, case in CASES.items() for way in case.ways]


@pytest.mark.broad
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("name", "way"), EXPORTS)
def test_a_usual_export_loads_without_trust_and_computes_what_the_module_computes(
    name: str, way: str, tmp_path: Path
) -> None:
    case = CASES[name]
    torch.manual_seed(0)
    module = case.build().eval()
    path = tmp_path / ("model.pt2" if way in ("export", "dynamic") else "model.pt")
    save(case, module, way, path)
    loaded = plugin.load(path, Options())
    call = loaded.module() if isinstance(loaded, torch.export.ExportedProgram) else loaded
    with torch.no_grad():
        got, want = call(*case.inputs), module(*case.inputs)
    same = tuple if isinstance(want, tuple) else lambda value: value  # a scripted named tuple has a type of its own
    torch.testing.assert_close(same(got), same(want), rtol=1e-5, atol=1e-6)
