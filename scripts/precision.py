#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a precision does to the embedded model's pictures: PSNR to those in f32.

    scripts/precision.py [--precisions bf16 int8] [--images 200] [--program DIR] [-- OPTIONS]

Image i has prompt i of scripts/validation-prompts.txt, from the start again after the last, and seed
1000 + i. OPTIONS go to retom-coord for all pictures; without any, only the precision differs from the
defaults, and nothing merges. Needs numpy and pillow (scripts/requirements.txt) and a release build.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEED = 1000


def pictures(precision, options):
    """8-bit pictures of all images, `[images, height, width, 3]`."""
    lines = (ROOT / "scripts/validation-prompts.txt").read_text().splitlines()
    prompts = [line for line in lines if line and not line.startswith("#")]
    requests = [
        json.dumps({"prompt": prompts[index % len(prompts)], "seed": SEED + index})
        for index in range(options.images)]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [options.program / "retom-coord", "--precision", precision, "--merge", "none",
             "--quiet", "--prompts", "-", "-o", f"{folder}/out", *options.others],
            input="\n".join(requests), text=True, check=True)
        files = sorted(pathlib.Path(folder, "out").glob("[0-9]*.png"))
        return np.stack([np.asarray(Image.open(file)) for file in files])


def decibels(found, exact):
    """PSNR of each picture."""
    errors = ((found.astype(np.float64) - exact) ** 2).mean(axis=(1, 2, 3))
    return 10 * np.log10(255**2 / np.maximum(errors, 1e-6))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precisions", nargs="+", default=["bf16", "int8"])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--program", type=pathlib.Path, help="folder of retom-coord")
    parser.add_argument("others", nargs="*", help="options for retom-coord, after --")
    options = parser.parse_args()
    options.program = options.program or pathlib.Path(
        subprocess.run(
            ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True,
            capture_output=True, text=True).stdout.strip())
    exact = pictures("f32", options)
    print("| precision | images | PSNR dB: mean | median | 5th percentile | least |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for precision in options.precisions:
        values = decibels(pictures(precision, options), exact)
        print(
            f"| {precision} | {len(values)} | {values.mean():.1f} | {np.median(values):.1f} "
            f"| {np.percentile(values, 5):.1f} | {values.min():.1f} |", flush=True)


if __name__ == "__main__":
    main()
