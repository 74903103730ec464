"""Images as a model's input: finding the files, reading them, preparing them as the model was trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ml_dtypes
import msgspec
import numpy as np
from numpy.typing import NDArray

from modelport.data.preprocessing import Layout, Preprocessing
from modelport.errors import InvalidOption, InvalidSamples
from modelport.signature import Dim, Signature

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})

_RANKS = {"nchw": 4, "nhwc": 4, "nhw": 3, "flat": 2}
_DEEP_MODES = ("I", "F")
"""PIL's modes of more than 8 bits begin with these; converting them to 8 bits clips instead of scaling."""


@dataclass(frozen=True)
class Frame:
    """What a model wants of an image.

    Attributes:
        layout: of the input.
        channels: 1 or 3.
        height, width: sizes, or None where the image keeps its own.
        features: the length of a row in the layout "flat", where the model fixes it.
        dtype: of the input.
        steps: the preprocessing, its sizes adapted to the model.
    """

    layout: Layout
    channels: int
    height: int | None
    width: int | None
    features: int | None
    dtype: str
    steps: Preprocessing


def list_images(folder: Path) -> list[Path]:
    """Return the images in a folder in the order of their names; raises InvalidSamples when there is none."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise InvalidSamples(
            "the folder holds no images", where=str(folder), remedy=f"give files of {', '.join(sorted(SUFFIXES))}"
        )
    return found


def frame_of(signature: Signature, preprocessing: Preprocessing | None, *, natural: bool = False) -> Frame:
    """Find what a model wants of an image, from its only input and the preprocessing.

    Args:
        signature: of the model.
        preprocessing: None scales pixels to [0, 1] (to 0..255 for integers) and stretches the image to the input's size.
        natural: where neither the model nor the preprocessing fixes a size, keep the image's own, not the example's.

    Raises:
        InvalidSamples: when the model does not take one image.
        InvalidOption: when the preprocessing contradicts the model.
    """
    steps = preprocessing or Preprocessing(range=255.0 if "int" in signature.inputs[0].dtype else 1.0)
    spec = signature.inputs[0]
    shape = spec.shape or ()
    layout = steps.layout or _inferred_layout(shape)
    if len(signature.inputs) != 1 or layout is None:
        raise InvalidSamples(
            "a folder of images needs a model with one input [N,C,H,W] or [N,H,W,C] of 1 or 3 channels",
            where=f"inputs {', '.join(map(str, signature.inputs))}",
            remedy="prepare an .npz file with one array for each input, or say the layout with --preprocess 'layout=…'",
        )
    if len(shape) != _RANKS[layout]:
        raise InvalidOption(
            f"the layout {layout} has {_RANKS[layout]} dimensions, the input '{spec}' has {len(shape)}",
            where="preprocessing",
            remedy="leave the layout out, or choose another",
        )
    sizes = {"nchw": shape[2:], "nhwc": shape[1:3], "nhw": shape[1:]}.get(layout, (None, None))
    own = bool(steps.resize or steps.crop)
    height, width = (_side(dim, signature, own=own, natural=natural) for dim in sizes)
    channels = _channels(shape, layout, steps)
    features = shape[1] if layout == "flat" and isinstance(shape[1], int) else None
    frame = Frame(layout, channels, height, width, features, spec.dtype, _adapted(steps, sizes))
    _check_values(frame)
    return frame


def read_image(path: Path, frame: Frame) -> NDArray[Any]:
    """Read one image as the model wants it, without the batch axis.

    Raises:
        InvalidSamples: when it cannot be read, has more than 8 bits, or comes out in another size than the model's.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            if opened.mode.startswith(_DEEP_MODES):
                raise InvalidSamples(
                    f"the image has the mode {opened.mode}, more than 8 bits a channel",
                    where=str(path),
                    remedy="save it with 8 bits a channel, or prepare an .npz file",
                )
            upright = ImageOps.exif_transpose(opened)  # as every viewer shows it
            image = upright.convert("L" if frame.channels == 1 else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidSamples(
            f"cannot read the image: {error}", where=str(path), remedy="remove or repair it"
        ) from error
    pixels = np.asarray(_resized(image, frame, path), np.float64)
    _check_size(pixels.shape[:2], frame, path)
    return _laid_out(_scaled(pixels.reshape(*pixels.shape[:2], -1), frame), frame)


def read_images(
    paths: Sequence[Path], signature: Signature, preprocessing: Preprocessing | None = None
) -> NDArray[Any]:
    """Read images into one array for the model's only input, symbolic sizes as in its example."""
    frame = frame_of(signature, preprocessing)
    arrays = [read_image(path, frame) for path in paths]
    for path, array in zip(paths, arrays, strict=True):
        if array.shape != arrays[0].shape:
            raise InvalidSamples(
                f"the images come out in different sizes: {arrays[0].shape} and {array.shape}",
                where=str(path),
                remedy="give a size as in --preprocess 'resize=224x224', or a crop",
            )
    return np.stack(arrays)


def _inferred_layout(shape: Sequence[Dim]) -> Layout | None:
    if len(shape) != 4:
        return None
    return "nchw" if shape[1] in (1, 3) else "nhwc" if shape[3] in (1, 3) else None


def _side(dim: Dim | None, signature: Signature, *, own: bool, natural: bool) -> int | None:
    """Return what the model demands of a side; None where the preprocessing (`own`) or the image decides."""
    if not isinstance(dim, str):
        return dim
    free = own or (natural and dim not in signature.examples)
    return None if free else signature.size_of(dim)


def _channels(shape: Sequence[Dim], layout: str, steps: Preprocessing) -> int:
    said = {"nchw": 1, "nhwc": 3}.get(layout)
    wanted = shape[said] if said is not None else None
    by_colour = None if steps.colour is None else 1 if steps.colour == "grey" else 3
    channels = wanted if isinstance(wanted, int) else by_colour or (1 if layout == "nhw" else 3)
    if channels not in (1, 3) or (layout == "nhw" and channels == 3) or by_colour not in (None, channels):
        raise InvalidOption(
            f"the colour {steps.colour or 'rgb'} gives {by_colour or 3} channels, the input takes "
            f"{1 if layout == 'nhw' else channels}",
            where=f"input of the shape [{','.join(map(str, shape))}], layout {layout}",
            remedy="choose colour=grey for 1 channel, colour=rgb or bgr for 3; an .npz file can hold anything else",
        )
    if any(len(values) not in (0, 1, channels) for values in (steps.mean, steps.std)):
        raise InvalidOption(
            f"mean and std are for {max(len(steps.mean), len(steps.std))} channels, the input takes {channels}",
            where="preprocessing",
            remedy="give one number, or one for each channel",
        )
    return channels


def _adapted(steps: Preprocessing, sizes: Sequence[Dim | None]) -> Preprocessing:
    """Carry the sizes of a named preprocessing to a model that fixes others, the crop keeping its share of the image."""
    height, width = sizes
    if not steps.adapts or not isinstance(height, int) or not isinstance(width, int):
        return steps
    if not steps.crop:
        return msgspec.structs.replace(steps, resize=(height, width)) if steps.resize else steps
    shorter = round(steps.resize[0] * max(height, width) / max(steps.crop))
    return msgspec.structs.replace(steps, resize=(shorter,), crop=(height, width))


def _check_values(frame: Frame) -> None:
    steps = frame.steps
    if "int" not in frame.dtype:
        return
    if steps.mean or steps.std or (steps.range or 255) > np.iinfo(frame.dtype).max:
        raise InvalidOption(
            f"the model takes {frame.dtype}, which cannot hold these values",
            where=f"preprocessing {steps}",
            remedy="leave mean, std and range out: the model is given the pixels as they are",
        )


def _resized(image: Image, frame: Frame, path: Path) -> Image:
    from PIL.Image import Resampling

    steps = frame.steps
    width, height = image.size
    if len(steps.resize) == 2:
        height, width = steps.resize
    elif steps.resize:
        side, shorter = steps.resize[0], min(width, height)  # the longer side is rounded down, as torchvision does
        width, height = (side * width // shorter, side) if height == shorter else (side, side * height // shorter)
    elif not steps.crop:
        width, height = frame.width or width, frame.height or height
    if (width, height) != image.size:
        image = image.resize((width, height), Resampling[steps.interpolation.upper()])
    return _cropped(image, steps.crop, path) if steps.crop else image


def _cropped(image: Image, crop: Sequence[int], path: Path) -> Image:
    height, width = crop
    if height > image.height or width > image.width:
        raise InvalidSamples(
            f"the crop {height}x{width} is larger than the image, {image.height}x{image.width} after resizing",
            where=str(path),
            remedy="give a larger resize in --preprocess",
        )
    top, left = round((image.height - height) / 2), round((image.width - width) / 2)
    return image.crop((left, top, left + width, top + height))


def _check_size(size: Sequence[int], frame: Frame, path: Path) -> None:
    if frame.features not in (None, size[0] * size[1] * frame.channels):
        raise InvalidSamples(
            f"the image comes out as {size[0] * size[1] * frame.channels} values, the model takes {frame.features}",
            where=str(path),
            remedy="choose another resize in --preprocess",
        )
    wanted = (frame.height, frame.width)
    if any(want is not None and have != want for have, want in zip(size, wanted, strict=True)):
        raise InvalidSamples(
            f"the image comes out as {size[0]}x{size[1]}, the model takes {frame.height}x{frame.width}",
            where=str(path),
            remedy=f"write resize={frame.height}x{frame.width} in --preprocess, or leave resize and crop out",
        )


def _scaled(pixels: NDArray[np.float64], frame: Frame) -> NDArray[np.float64]:
    """Bring [H, W, C] pixels of 0 to 255 to the model's colour order and values."""
    steps = frame.steps
    integers = "int" in frame.dtype
    if steps.colour == "bgr":
        pixels = pixels[..., ::-1]
    top = steps.range or (255.0 if integers else 1.0)
    pixels = pixels * (top / 255.0)
    if integers:
        return np.rint(pixels)
    return (pixels - (steps.mean or 0.0)) / (steps.std or 1.0)


def _laid_out(pixels: NDArray[np.float64], frame: Frame) -> NDArray[Any]:
    if frame.layout == "nchw":
        pixels = pixels.transpose(2, 0, 1)
    elif frame.layout == "nhw":
        pixels = pixels[..., 0]
    elif frame.layout == "flat":
        pixels = pixels.reshape(-1)
    return pixels.astype(ml_dtypes.bfloat16 if frame.dtype == "bfloat16" else frame.dtype)
