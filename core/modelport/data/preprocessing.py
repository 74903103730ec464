"""How an image becomes a model's input: named or spelled out, and stored in the model itself.

The notation is a name, ``KEY=VALUE`` pairs, or a name with pairs that replace its own: ``imagenet,resize=232``. The steps run in
this order: resize, crop, colour, range, mean and std, layout.

============= ===============================================================================================================
resize        256 (the shorter side, the other in proportion) or HEIGHTxWIDTH
crop          224 or HEIGHTxWIDTH, around the centre
interpolation bilinear (as PIL, with antialiasing), bicubic or nearest
colour        rgb, bgr or grey; from the model's channels when left out
range         what the pixel value 255 becomes: 1 when left out, 255 for a model that takes integers
mean, std     subtracted, then divided by, after the range; one number, or one for each channel in the order of `colour`
layout        nchw, nhwc, nhw or flat ([N, H*W*C]); from the model's input when left out
============= ===============================================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from modelport import artifact
from modelport.errors import InvalidOption, nearest
from modelport.spec import HUB

METADATA_KEY = "modelport_preprocess"
"""The entry of metadata_props; without the prefix of provenance, as it must outlive the next conversion."""

Interpolation = Literal["bilinear", "bicubic", "nearest"]
Colour = Literal["rgb", "bgr", "grey"]
Layout = Literal["nchw", "nhwc", "nhw", "flat"]

NAMED: Mapping[str, str] = {
    # torchvision.transforms._presets.ImageClassification, which its classification weights of 2015 to 2021 name
    "imagenet": "resize=256,crop=224,colour=rgb,range=1,mean=0.485,0.456,0.406,std=0.229,0.224,0.225",
    # OpenAI's CLIP, clip/clip.py: _transform
    "clip": "resize=224,crop=224,interpolation=bicubic,colour=rgb,range=1,"
    "mean=0.48145466,0.4578275,0.40821073,std=0.26862954,0.26130258,0.27577711",
    # keras.applications.imagenet_utils.preprocess_input, mode "caffe" (ResNet, VGG); keras.utils.load_img resizes by nearest
    "keras-resnet": "resize=224x224,interpolation=nearest,colour=bgr,range=255,mean=103.939,116.779,123.68",
    # keras.applications.imagenet_utils.preprocess_input, mode "tf" (MobileNet, Xception): x / 127.5 - 1
    "minus1to1": "range=1,mean=0.5,std=0.5",
    # torchvision.transforms.functional.to_tensor: x / 255
    "unit": "range=1",
    # for models that rescale by themselves, such as keras.applications' EfficientNet and ConvNeXt
    "bytes": "range=255",
    # PyTorch's examples/mnist: the mean and deviation of its training images
    "mnist": "resize=28x28,colour=grey,range=1,mean=0.1307,std=0.3081",
    # sklearn.datasets.load_digits: 8 x 8 pixels of 0 to 16, one row for each image
    "digits": "resize=8x8,colour=grey,range=16,layout=flat",
}

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "interpolation": ("bilinear", "bicubic", "nearest"),
    "colour": ("rgb", "bgr", "grey"),
    "layout": ("nchw", "nhwc", "nhw", "flat"),
}
_KEYS = ("resize", "crop", "interpolation", "colour", "range", "mean", "std", "layout")
_SPELLINGS = {"color": "colour", "gray": "grey"}
_SIDES = {"resize": (1, 2), "crop": (1, 2)}


class Preprocessing(msgspec.Struct, frozen=True, kw_only=True):
    """How an image becomes a model's input.

    Attributes:
        resize: the shorter side, or (height, width).
        crop: (height, width) around the centre.
        range: what the pixel value 255 becomes; None leaves it to the input's dtype.
        mean, std: none, one, or one for each channel.
        adapts: whether the sizes follow a model that fixes others, as those of a name do.
    """

    resize: tuple[int, ...] = ()
    crop: tuple[int, ...] = ()
    interpolation: Interpolation = "bilinear"
    colour: Colour | None = None
    range: float | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: Layout | None = None
    adapts: bool = False

    def __str__(self) -> str:
        shown = {
            "resize": "x".join(map(str, self.resize)),
            "crop": "x".join(map(str, dict.fromkeys(self.crop))),  # one number for a square
            "interpolation": self.interpolation,
            "colour": self.colour or "",
            "range": "" if self.range is None else f"{self.range:.12g}",
            "mean": ",".join(f"{value:.12g}" for value in self.mean),
            "std": ",".join(f"{value:.12g}" for value in self.std),
            "layout": self.layout or "",
        }
        return ",".join(f"{key}={text}" for key, text in shown.items() if text)


def parse(text: str, *, where: str | None = None) -> Preprocessing:
    """Read a name, pairs, or a name followed by pairs.

    Raises:
        InvalidOption: for an unknown name or key, or a value that cannot be read.
    """
    where = where or f"--preprocess '{text}'"
    name, pairs = _split(text, where)
    if name and name not in NAMED:
        close = nearest(name, NAMED)
        hint = f"did you mean {close!r}? " if close else ""
        raise InvalidOption(
            f"there is no preprocessing named {name!r}",
            where=where,
            remedy=f"{hint}known: {', '.join(sorted(NAMED))}; or spell it out, as 'resize=256,crop=224,range=1'",
        )
    adapts = bool(name) and not {"resize", "crop"} & set(pairs)
    merged = {**(_split(NAMED[name], where)[1] if name else {}), **pairs}
    return Preprocessing(adapts=adapts, **{key: _value(key, value, where) for key, value in merged.items()})


def stored(source: Any, framework: str) -> Preprocessing | None:
    """Return the preprocessing that an ONNX model carries; None for other frameworks, and where there is none.

    Raises:
        InvalidOption: when the entry cannot be read.
    """
    if framework != HUB:
        return None
    if isinstance(source, str | Path):
        found: Mapping[str, str] = artifact.read_metadata(Path(source))
    else:
        props = getattr(source, "metadata_props", {})
        found = dict(props) if isinstance(props, Mapping) else {entry.key: entry.value for entry in props}
    if METADATA_KEY not in found:
        return None
    return parse(found[METADATA_KEY], where=f"{METADATA_KEY} in the metadata of the model")


def store(path: Path, preprocessing: Preprocessing) -> None:
    """Write the preprocessing into an ONNX file's metadata; the weights are neither read nor written.

    Raises:
        OutputNotWritable: with the file as it was.
    """
    artifact.set_metadata(path, METADATA_KEY, str(preprocessing))


def _split(text: str, where: str) -> tuple[str, dict[str, str]]:
    """Cut at commas; a part without a key continues the list before it."""
    name, key, pairs = "", "", dict[str, str]()
    for number, part in enumerate(piece.strip() for piece in text.split(",")):
        head, separator, value = part.partition("=")
        if separator:
            key = _SPELLINGS.get(head.strip(), head.strip())
            if key not in _KEYS:
                close = nearest(key, _KEYS)
                hint = f"did you mean {close!r}? " if close else ""
                raise InvalidOption(
                    f"preprocessing has no {key!r}", where=where, remedy=f"{hint}known: {', '.join(_KEYS)}"
                )
            if key in pairs:
                raise InvalidOption(f"{key!r} is given twice", where=where, remedy="keep one")
            pairs[key] = value.strip()
        elif number == 0:
            name = part.lower()
        elif key:
            pairs[key] += f",{part}"
        else:
            raise InvalidOption(f"cannot read {part!r}", where=where, remedy="write KEY=VALUE after the name")
    if not name and not pairs:
        raise InvalidOption("the preprocessing is empty", where=where, remedy=f"known: {', '.join(sorted(NAMED))}")
    return name, pairs


def _value(key: str, text: str, where: str) -> Any:
    if key in _CHOICES:
        value = _SPELLINGS.get(text.lower(), text.lower())
        if value in _CHOICES[key]:
            return value
        raise InvalidOption(f"{key} cannot be {text!r}", where=where, remedy=f"choose {', '.join(_CHOICES[key])}")
    try:
        if key in _SIDES:
            return _sides(key, text)
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidOption(
            f"cannot read {key}={text}: {error}", where=where, remedy="see `modelport run -h`"
        ) from error
    wrong = not all(math.isfinite(number) for number in numbers) or (key in ("std", "range") and min(numbers) <= 0)
    if wrong or len(numbers) not in ((1,) if key == "range" else (1, 3)):
        count = "one number" if key == "range" else "one number, or three"
        above = "" if key == "mean" else " above 0"
        raise InvalidOption(f"{key} cannot be {text!r}", where=where, remedy=f"give {count}{above}")
    return numbers[0] if key == "range" else numbers


def _sides(key: str, text: str) -> tuple[int, ...]:
    sides = tuple(int(part) for part in text.lower().split("x"))
    if len(sides) not in _SIDES[key] or min(sides) < 1:
        raise ValueError("a size is 224 or HEIGHTxWIDTH, each at least 1")
    return sides * 2 if key == "crop" and len(sides) == 1 else sides
