"""The import of TensorFlow without its start-up messages."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def import_tensorflow() -> Any:
    """Import TensorFlow, with nothing on stderr unless the import fails, and return it."""
    if "tensorflow" in sys.modules:
        return sys.modules["tensorflow"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with stderr_held_back():
        tensorflow = importlib.import_module("tensorflow")
        tensorflow.config.list_physical_devices()  # looks for CUDA, and says so, on first use
    tensorflow.get_logger().setLevel("ERROR")  # warns of retracing when a model is run on several shapes
    return tensorflow


def give_memory_back() -> None:
    """Have TensorFlow return memory that it frees to the system; without effect once it is imported.

    Built with oneDNN it keeps all that it ever took in a pool, so that the weights of a source that was released still stand
    beside those of the result. The pool makes large batches quicker, so this is for models whose weights outweigh that.
    """
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")


@contextlib.contextmanager
def stderr_held_back(*, repeat: bool = True) -> Iterator[None]:
    """Hold back what native code writes to stderr: TensorFlow's first messages precede its own log-level settings.

    Args:
        repeat: write it after all when the body fails.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            if repeat:
                held.seek(0)
                os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
