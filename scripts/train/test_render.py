#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the renderer still draws the data set that the shipped weights were trained on.

    python scripts/train/test_render.py

SHA-256 over the pixels, attributes and captions of seeds from both splits, recorded from the
renderer that made the data set. skia-python 144.1 (requirements.txt) draws them bit for bit.
"""
import hashlib
import json

from render import OFFSET, render
from scene import captions

SEEDS = [OFFSET[split] + i for split in ("train", "val") for i in range(100)]
EXPECTED = "30977a412ed3ee29dfeb693bf0007d0122cf71e9c14cb3079e6e4c0d22ba7df4"


def digest(seeds):
    """One hash over everything the renderer produces for the seeds."""
    total = hashlib.sha256()
    for seed in seeds:
        pixels, scene = render(seed)
        scene["captions"] = captions(scene)
        total.update(pixels.tobytes())
        total.update(json.dumps(scene, sort_keys=True).encode())
    return total.hexdigest()


if __name__ == "__main__":
    found = digest(SEEDS)
    assert found == EXPECTED, f"the renderer draws something else: {found}"
    print(f"{len(SEEDS)} scenes are drawn as recorded")
