"""NumPy arrays to tensors and back, bfloat16 included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


def to_tensor(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """Copy an array (any shape; bfloat16 as `ml_dtypes.bfloat16`) to a tensor of the same dtype."""
    import torch

    copy = np.array(array, order="C", copy=True)
    if copy.dtype.name == "bfloat16":
        return torch.from_numpy(copy.view(np.int16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(copy).to(device)


def to_array(tensor: torch.Tensor) -> NDArray[Any]:
    """Copy a tensor (any shape) to an array of the same dtype; bfloat16 becomes `ml_dtypes.bfloat16`."""
    import torch

    plain = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous().clone()
    if plain.dtype == torch.bfloat16:
        import ml_dtypes

        return np.asarray(plain.view(torch.int16).numpy()).view(ml_dtypes.bfloat16)
    return np.asarray(plain.numpy())
