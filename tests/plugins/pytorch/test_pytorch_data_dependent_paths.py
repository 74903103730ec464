"""Layers that look at values, or take fused operators, are exported all the same: masked transformers, packed sequences."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from torch import nn

from modelport.errors import CannotConvert
from modelport.signature import parse_inputs
from modelport.spec import Options
from modelport_plugins import pytorch as plugin
from modelport_plugins.pytorch.forward import evaluation_mode

causal = nn.Transformer.generate_square_subsequent_mask
WIDTH = 8


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, batch_first=True)
        self.stack = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(WIDTH))


class CausalEncoder(Encoder):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.stack(x, mask=causal(x.shape[1]))


class HintedEncoder(Encoder):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.stack(x, causal(x.shape[1]), None, True)


class PaddedEncoder(Encoder):
    def forward(self, x: torch.Tensor, pad: torch.Tensor) -> torch.Tensor:
        return self.stack(x, src_key_padding_mask=pad)


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.TransformerDecoder(nn.TransformerDecoderLayer(WIDTH, 2, 16, batch_first=True), 2)

    def forward(self, x: torch.Tensor, memory: torch.Tensor, pad: torch.Tensor) -> torch.Tensor:
        length = x.shape[1]
        later = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)
        return self.stack(x, memory, tgt_mask=later, memory_key_padding_mask=pad)


class Translator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.transformer = nn.Transformer(WIDTH, 2, 1, 1, 16, batch_first=True)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.transformer(source, target, tgt_mask=causal(target.shape[1]))


class LastState(nn.Module):
    """The last hidden state of a recurrent layer on sequences of several lengths."""

    def __init__(self, layer: nn.RNNBase, enforce_sorted: bool = False) -> None:
        super().__init__()
        self.layer, self.enforce_sorted = layer, enforce_sorted

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=self.enforce_sorted)
        _, state = self.layer(packed)
        return state[0] if isinstance(state, tuple) else state


class Steps(LastState):
    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.layer(packed)[0], batch_first=True)[0]


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def padding(*lengths: int, of: int) -> np.ndarray:
    return np.arange(of) >= np.array(lengths)[:, None]


def assert_exported(model: nn.Module, inputs: list[str], *feeds: dict[str, np.ndarray], opset: int = 20) -> Options:
    """Compare ONNX Runtime with the module called where gradients are on, which is without PyTorch's fast path."""
    specs, examples = parse_inputs(inputs)
    options = Options(inputs=specs, examples=examples)
    signature = plugin.signature(model, options)
    exported = plugin.to_onnx(model, signature, opset, options)
    session = onnxruntime.InferenceSession(
        ir.to_proto(exported).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    model.eval()
    for feed in feeds:
        want = model(*map(torch.from_numpy, feed.values())).detach().numpy()
        np.testing.assert_allclose(session.run(None, feed)[0], want, rtol=1e-4, atol=1e-5)
        ours = plugin.run(model, signature, feed)["output"]
        np.testing.assert_allclose(ours, want, rtol=1e-4, atol=1e-5)
    return options


@pytest.mark.parametrize("kind", [CausalEncoder, HintedEncoder])
def test_a_stack_of_encoder_layers_takes_a_causal_mask_of_any_length(kind: type[nn.Module]) -> None:
    assert_exported(kind(), [f"x:float32[N,T,{WIDTH}]"], {"x": normal(3, 5, WIDTH)}, {"x": normal(1, 9, WIDTH)})


def test_a_stack_of_encoder_layers_takes_a_padding_mask_and_says_what_it_gives_at_padded_positions() -> None:
    feeds = (
        {"x": normal(3, 6, WIDTH), "pad": padding(6, 4, 1, of=6)},
        {"x": normal(2, 9, WIDTH), "pad": padding(2, 9, of=9)[:, ::-1].copy()},
    )
    options = assert_exported(PaddedEncoder(), [f"x:float32[N,T,{WIDTH}]", "pad:bool[N,T]"], *feeds)
    assert any("src_key_padding_mask" in note for note in options.notes)


@pytest.mark.parametrize("opset", [18, 20])
def test_a_sequence_that_is_all_padding_gives_what_pytorch_gives(opset: int) -> None:
    feed = {"x": normal(3, 4, WIDTH), "pad": padding(4, 0, 2, of=4)}
    assert_exported(PaddedEncoder(), [f"x:float32[N,T,{WIDTH}]", "pad:bool[N,T]"], feed, opset=opset)


def test_nothing_is_said_of_padding_where_there_is_none() -> None:
    options = assert_exported(CausalEncoder(), [f"x:float32[N,T,{WIDTH}]"], {"x": normal(2, 4, WIDTH)})
    assert not options.notes


def test_a_stack_of_decoder_layers_takes_a_mask_and_a_padded_memory() -> None:
    feed = {"x": normal(2, 4, WIDTH), "memory": normal(2, 7, WIDTH), "pad": padding(7, 3, of=7)}
    assert_exported(Decoder(), [f"x:float32[N,T,{WIDTH}]", f"memory:float32[N,S,{WIDTH}]", "pad:bool[N,S]"], feed)


def test_a_transformer_takes_a_causal_mask_of_any_length() -> None:
    inputs = [f"source:float32[N,S,{WIDTH}]", f"target:float32[N,T,{WIDTH}]"]
    feeds = [{"source": normal(2, s, WIDTH), "target": normal(2, t, WIDTH)} for s, t in ((4, 7), (9, 3))]
    assert_exported(Translator(), inputs, *feeds)


@pytest.mark.parametrize(
    "layer",
    [
        nn.GRU(6, 5, batch_first=True),
        nn.RNN(6, 5, batch_first=True, bidirectional=True),
        nn.LSTM(6, 5, num_layers=2, batch_first=True, bidirectional=True),
    ],
    ids=["gru", "rnn", "lstm"],
)
@pytest.mark.parametrize("kind", [LastState, Steps])
def test_recurrent_layers_run_on_packed_sequences(layer: nn.RNNBase, kind: type[LastState]) -> None:
    feeds = [
        {"x": normal(3, 9, 6), "lengths": np.array([2, 9, 5])},
        {"x": normal(4, 7, 6), "lengths": np.array([7, 1, 3, 3])},
    ]
    assert_exported(kind(layer), ["x:float32[N,T,6]", "lengths:int64[N]"], *feeds)


def test_the_last_state_of_sequences_that_come_sorted_is_refused_with_a_remedy() -> None:
    model = LastState(nn.GRU(6, 5, batch_first=True), enforce_sorted=True)
    feed = {"x": normal(2, 4, 6), "lengths": np.array([4, 2])}
    with pytest.raises(CannotConvert, match="enforce_sorted=False, or give the recurrent layer its initial state"):
        assert_exported(model, ["x:float32[N,T,6]", "lengths:int64[N]"], feed)


@pytest.mark.parametrize("fails", [False, True])
def test_layers_and_the_fast_path_are_left_as_they_were(fails: bool) -> None:
    model = nn.ModuleList([Encoder(), Decoder(), nn.GRU(6, 5)])
    with pytest.raises(ValueError, match="planted") if fails else contextlib.nullcontext(), evaluation_mode(model):
        assert not torch.backends.mha.get_fastpath_enabled()
        if fails:
            raise ValueError("planted")
    assert torch.backends.mha.get_fastpath_enabled()
    assert not any(part._forward_pre_hooks for part in model.modules())


class DynamicCache:
    """As transformers names what its models return beside their results."""


def test_a_cache_of_transformers_is_refused_with_the_setting_that_leaves_it_out() -> None:
    class Cached(nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, Any]:
            return {"logits": x, "past_key_values": DynamicCache()}

    specs, _ = parse_inputs(["x:float32[N,4]"])
    with pytest.raises(CannotConvert, match=re.escape("set model.config.use_cache = False")):
        plugin.signature(Cached(), Options(inputs=specs))


def test_a_graph_that_torchscript_cannot_export_is_not_dumped_to_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    model = LastState(nn.GRU(6, 5, batch_first=True), enforce_sorted=True)
    with pytest.raises(CannotConvert):
        assert_exported(model, ["x:float32[N,T,6]", "lengths:int64[N]"])
    assert capfd.readouterr().out == ""
