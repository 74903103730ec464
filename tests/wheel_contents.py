"""Build the wheel and check what it holds: the three packages, their markers and entry points, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"core": "modelport", "converters": "modelport_converters", "plugins": "modelport_plugins"}
ENTRY_POINTS = ("[console_scripts]", "convert = ", "modelport = ", "[modelport]", "keras = ", "sklearn = ")


def expected() -> set[str]:
    """Return the path inside the wheel of every source file."""
    files: set[str] = set()
    for root, package in PACKAGES.items():
        folder = ROOT / root
        files |= {
            path.relative_to(folder).as_posix()
            for path in (folder / package).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
    return files


def main() -> int:
    """Return 0 when the wheel holds exactly what it should."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            names = set(archive.namelist())
            (metadata,) = {name.partition("/")[0] for name in names if ".dist-info/" in name}
            entry_points = archive.read(f"{metadata}/entry_points.txt").decode()
    modules = {name for name in names if not name.startswith(metadata)}
    problems = [f"missing: {name}" for name in sorted(expected() - modules)]
    problems += [f"stray: {name}" for name in sorted(modules - expected())]
    problems += [f"no {package}/py.typed" for package in PACKAGES.values() if f"{package}/py.typed" not in names]
    problems += [f"no entry point {text!r}" for text in ENTRY_POINTS if text not in entry_points]
    if f"{metadata}/licenses/LICENSE" not in names:
        problems.append("no LICENSE")
    sys.stdout.write("\n".join(problems or [f"{wheel.name}: {len(modules)} files, as expected"]) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
