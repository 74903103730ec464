"""view(): look at a model's graph in Netron, served to this machine only."""

from __future__ import annotations

import contextlib
import errno
import time
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path

from modelport.errors import BadInput, FrameworkNotInstalled
from modelport.loading.paths import check_readable

LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.1


def view(
    model: str | Path,
    *,
    port: int = 0,
    browser: bool = True,
    command: str = "view",
    started: Callable[[str], None] | None = None,
) -> None:
    """Show a model in Netron until Ctrl-C, which is its normal end and no error.

    Args:
        model: a file of any format that Netron reads. Files beside it (external data) are served with it, to this machine only.
        port: the port on the loopback interface; 0 for a free one.
        browser: open the page in the browser.
        command: what needs Netron, for the error where it is missing.
        started: called with the page's address once it is served.

    Raises:
        BadInput: when the model cannot be read or the port is in use.
        FrameworkNotInstalled: without Netron.
    """
    with contextlib.suppress(KeyboardInterrupt), serve(model, port=port, command=command) as address:
        if started:
            started(address)
        if browser:
            webbrowser.open(address)
        while True:
            time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def serve(model: str | Path, *, port: int = 0, command: str = "view") -> Iterator[str]:
    """Serve a model's page as long as the context lasts, and give its address; the arguments and errors are `view`'s."""
    path = Path(model)
    check_readable(path)
    if path.is_dir():
        path = _saved_model(path)
    try:
        import netron
    except ModuleNotFoundError:
        raise FrameworkNotInstalled(command, "netron", "pip install 'modelport[workbench]'") from None
    try:
        address = netron.start(str(path), address=(LOOPBACK, port), browse=False)
    except (OSError, OverflowError) as error:
        raise _unusable(port, error) from error
    try:
        yield f"http://{address[0]}:{address[1]}"
    finally:
        netron.stop(address)


def _saved_model(folder: Path) -> Path:
    graph = folder / "saved_model.pb"
    if not graph.is_file():
        raise BadInput(
            "the folder holds no saved_model.pb",
            where=str(folder),
            remedy="pass a model's file, or a SavedModel folder",
        )
    return graph


def _unusable(port: int, error: Exception) -> BadInput:
    in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
    what = "is in use" if in_use else f"cannot be used: {error}"
    return BadInput(
        f"the port {port} {what}",
        where=f"{LOOPBACK}:{port}",
        remedy="choose another with --port, or leave it out for a free one",
    )
