"""Configurations of Keras's convolutions, poolings and resizings."""

from __future__ import annotations

from typing import Any

from keras import layers
from keras_case import Case
from keras_layers_building import case

SIZES = {1: (11,), 2: (9, 8), 3: (6, 7, 5)}
"""A grid of each rank, odd and even."""

OPEN: dict[int, tuple[int | None, ...]] = {1: (None,), 2: (None, None), 3: (None, 7, 5)}
"""Open sizes: of a volume only one, so that the proof's larger sizes stay cheap."""

CASES: dict[str, list[Case]] = {}


def _grid(rank: int, channels: int) -> tuple[int | None, ...]:
    return (*SIZES[rank], channels)


def _first(rank: int, channels: int) -> tuple[int | None, ...]:
    return (channels, *SIZES[rank])


def _add(name: str, *cases: Case) -> None:
    CASES.setdefault(name, []).extend(cases)


def _layer(name: str, *arguments: Any, **keywords: Any) -> Any:
    return lambda: getattr(layers, name)(*arguments, **keywords)


for _rank in (1, 2, 3):
    _x, _last = _grid(_rank, 4), (*OPEN[_rank], 4)
    _name = f"Conv{_rank}D"
    _add(
        _name,
        case("valid", _layer(_name, 6, 3, activation="relu"), _x),
        case("same_strided", _layer(_name, 6, 3, strides=2, padding="same"), _x),
        case("same_dilated_open", _layer(_name, 6, 3, dilation_rate=2, padding="same"), _last),
        case("groups", _layer(_name, 6, 2, groups=2, padding="same", strides=2), _x),
        case("channels_first", _layer(_name, 6, 3, data_format="channels_first", padding="same"), _first(_rank, 4)),
    )
    _name = f"Conv{_rank}DTranspose"
    _add(
        _name,
        case("valid", _layer(_name, 6, 3, strides=2), _x),
        case("same_open", _layer(_name, 6, 3, strides=2, padding="same", use_bias=False), _last),
        case("output_padding", _layer(_name, 6, 3, strides=3, output_padding=1, padding="same"), _x),
        case("channels_first", _layer(_name, 6, 4, strides=2, data_format="channels_first"), _first(_rank, 4)),
    )

_add("Conv1D", case("causal", _layer("Conv1D", 6, 3, dilation_rate=2, padding="causal"), (None, 4)))
_add("Conv1DTranspose", case("dilated", _layer("Conv1DTranspose", 6, 3, dilation_rate=2), (11, 4)))
_add("Conv2DTranspose", case("dilated", _layer("Conv2DTranspose", 6, 3, dilation_rate=2), (9, 8, 4)))
_add("Conv2D", case("uneven", _layer("Conv2D", 6, (1, 5), strides=(2, 1), padding="same"), (9, 8, 4)))

for _rank in (1, 2):
    _x, _last = _grid(_rank, 4), (*OPEN[_rank], 4)
    for _name, _filters in ((f"DepthwiseConv{_rank}D", ()), (f"SeparableConv{_rank}D", (5,))):
        _add(
            _name,
            case("valid", _layer(_name, *_filters, 3, depth_multiplier=2), _x),
            case("same_strided", _layer(_name, *_filters, 3, strides=2, padding="same"), _x),
            case("dilated_open", _layer(_name, *_filters, 3, dilation_rate=2, padding="same"), _last),
            case("channels_first", _layer(_name, *_filters, 3, data_format="channels_first"), _first(_rank, 4)),
        )

for _kind in ("Max", "Average"):
    for _rank in (1, 2, 3):
        _x, _last = _grid(_rank, 3), (*OPEN[_rank], 3)
        _name = f"{_kind}Pooling{_rank}D"
        _add(
            _name,
            case("halved", _layer(_name, 2), _x),
            case("same_open", _layer(_name, 3, strides=2, padding="same"), _last),
            case("overlapping", _layer(_name, 3, strides=1), _x),
            case("channels_first", _layer(_name, 2, data_format="channels_first"), _first(_rank, 3)),
        )
        _name = f"Global{_kind}Pooling{_rank}D"
        _add(
            _name,
            case("open", _layer(_name), _last),
            case("channels_first_kept", _layer(_name, data_format="channels_first", keepdims=True), _first(_rank, 3)),
        )
        _name = f"Adaptive{_kind}Pooling{_rank}D"
        _add(
            _name,
            case("uneven", _layer(_name, 4), _x),
            case("three", _layer(_name, 3), _x),
            case("channels_first", _layer(_name, SIZES[_rank][0]), _first(_rank, 9)),
        )

for _rank in (1, 2, 3):
    _x, _last = _grid(_rank, 3), (*OPEN[_rank], 3)
    _sides: Any = (2, 1) if _rank == 1 else tuple((axis, 1) for axis in range(_rank))
    for _name in (f"ZeroPadding{_rank}D", f"Cropping{_rank}D"):
        _add(
            _name,
            case("default", _layer(_name), _x),
            case("uneven_open", _layer(_name, _sides), _last),
        )
        if _rank > 1:
            _add(_name, case("channels_first", _layer(_name, 1, data_format="channels_first"), _first(_rank, 3)))
    _name = f"UpSampling{_rank}D"
    _add(_name, case("default", _layer(_name), _x), case("three", _layer(_name, 3), _x))

_add(
    "UpSampling2D",
    case("nearest_open", _layer("UpSampling2D", (2, 3)), (None, None, 3)),
    case("bilinear", _layer("UpSampling2D", 2, interpolation="bilinear"), (9, 8, 3)),
    case("bilinear_uneven", _layer("UpSampling2D", (3, 2), interpolation="bilinear"), (4, 5, 3)),
    case("bicubic", _layer("UpSampling2D", 2, interpolation="bicubic"), (5, 4, 3)),
    case("channels_first", _layer("UpSampling2D", 2, data_format="channels_first"), (3, 5, 4)),
)
_add("UpSampling3D", case("channels_first", _layer("UpSampling3D", 2, data_format="channels_first"), (3, 5, 4, 3)))
