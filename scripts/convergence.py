#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How close samplers come to the converged picture of the embedded model, per U-Net call.

    scripts/convergence.py [--model DIR] [--prompts 16] [--cfg-scale 7.5] [--seed 1000] > table.md

The converged picture is that of 199 steps of DPM++ 2M; 250 steps of DDIM show how far it can be
trusted. Prompts are the first of scripts/validation-prompts.txt, image i with seed + i; f32,
unmerged, so that only sampling differs, except in the last row: what retom-coord does without options.
Every row is a sampler, schedule and number of steps: PSNR of pictures (8-bit RGB) to the converged ones.
Needs numpy and pillow (scripts/requirements.txt) and a release build.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Steps of DPM++ 2M that divide the training's timesteps: else `leading` begins with less noise.
CONVERGED = ("dpm++2m", "default", 199)
ROWS = [
    ("ddim", "default", 250),
    *(("ddim", "default", steps) for steps in (64, 50, 40, 32, 25, 20, 16)),
    *(("dpm++2m", "default", steps) for steps in (24, 20, 19, 16, 15, 14, 12, 10)),
    *(("dpm++2m", "karras", steps) for steps in (20, 18, 16, 14, 12)),
    *(("dpm++2m", "sgm_uniform", steps) for steps in (20, 16, 14, 12)),
    *(("unipc", "default", steps) for steps in (19, 16, 12)),
    *(("unipc", "sgm_uniform", steps) for steps in (16, 12)),
]
EXACT = ["--precision", "f32", "--merge", "none"]


def sampling(sampler, schedule, steps):
    """A prompt's settings."""
    return {"sampler_name": sampler, "scheduler": schedule, "steps": steps}


def pictures(settings, arguments, options):
    """Pictures of all prompts, `[prompts, height, width, 3]`."""
    lines = [
        json.dumps({
            "prompt": prompt, "seed": options.seed + index, "cfg_scale": options.cfg_scale, **settings})
        for index, prompt in enumerate(prompts(options.prompts))]
    with tempfile.TemporaryDirectory() as folder:
        command = [options.program, *arguments, "--quiet", "--prompts", "-", "-o", f"{folder}/out"]
        if options.model:
            command += ["--model", str(options.model)]
        subprocess.run(command, input="\n".join(lines), text=True, check=True)
        files = sorted(pathlib.Path(folder, "out").glob("0*.png"))
        return np.stack([np.asarray(Image.open(file)).astype(np.float64) for file in files])


def prompts(count):
    lines = (ROOT / "scripts/validation-prompts.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")][:count]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, help="default: the embedded model")
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--cfg-scale", type=float, default=7.5)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--steps", type=int, nargs="+", help="only rows of these steps")
    options = parser.parse_args()
    options.program = subprocess.run(
        ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True,
        capture_output=True, text=True).stdout.strip() + "/retom-coord"
    converged = pictures(sampling(*CONVERGED), EXACT, options)
    print("| sampler | schedule | steps | PSNR dB: mean | median | least |")
    print("| --- | --- | ---: | ---: | ---: | ---: |", flush=True)

    def row(names, settings, arguments):
        errors = (pictures(settings, arguments, options) - converged) ** 2
        psnr = 10 * np.log10(255**2 / np.mean(errors, axis=(1, 2, 3)))
        print(f"| {names} | {psnr.mean():.1f} | {np.median(psnr):.1f} | {psnr.min():.1f} |", flush=True)

    for sampler, schedule, steps in ROWS:
        if options.steps is None or steps in options.steps:
            row(f"{sampler} | {schedule} | {steps}", sampling(sampler, schedule, steps), EXACT)
    row("the defaults | |", {}, [])


if __name__ == "__main__":
    main()
