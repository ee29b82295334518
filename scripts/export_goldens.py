#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the goldens of the tests: calls `main` of every script in scripts/goldens.

A script writes into Tests/StableDiffusionTests/Goldens unless it names another folder as `OUT_DIR`,
relative to the repository's root. Needs torch, diffusers, transformers and tomesd, and for `judge` the
packages in scripts/train/requirements.txt; the results record the versions that wrote them.

    scripts/export_goldens.py            all of them
    scripts/export_goldens.py noise ...  only the named ones
"""

import importlib.util
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
DEFAULT_OUT_DIR = "Tests/StableDiffusionTests/Goldens"


def load(path: pathlib.Path):
    """Imports a script by its path."""
    spec = importlib.util.spec_from_file_location(f"goldens_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Runs the scripts named on the command line, or all."""
    folder = ROOT / "scripts/goldens"
    sys.path.insert(0, str(folder))
    scripts = {path.stem: path for path in sorted(folder.glob("*.py"))}
    names = sys.argv[1:] or list(scripts)
    unknown = [name for name in names if name not in scripts]
    if unknown:
        sys.exit(f"no such script: {', '.join(unknown)}; choose from {', '.join(scripts)}")
    for name in names:
        module = load(scripts[name])
        if not hasattr(module, "main"):
            continue  # shared helpers
        out_dir = ROOT / getattr(module, "OUT_DIR", DEFAULT_OUT_DIR)
        out_dir.mkdir(parents=True, exist_ok=True)
        print(f"{name} -> {out_dir.relative_to(ROOT)}", flush=True)
        module.main(str(out_dir))


if __name__ == "__main__":
    main()
