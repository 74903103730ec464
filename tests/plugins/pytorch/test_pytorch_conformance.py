"""The PyTorch plugin against the conformance kit."""

import torch

from modelport.testing import PluginConformance


class TestPyTorch(PluginConformance):
    key = "pytorch"
    inputs = ("input:float32[N,4]",)
    suffix = ".pt2"

    def model(self):
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))

    def write(self, model, path):
        batch = torch.export.Dim("batch", min=1, max=1024)
        torch.export.save(torch.export.export(model, (torch.ones(2, 4),), dynamic_shapes=({0: batch},)), path)
