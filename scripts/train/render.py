#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Renders the "postcards" data set: captioned 256x256 vector scenes, drawn with skia.

    python scripts/train/render.py --out work/data --train 40000 --val 2000

Outputs in `--out`: {train,val}.u8 (N x 256 x 256 x 3 raw uint8, read with np.memmap) and
{train,val}.jsonl (one line per image: seed, ground-truth attributes, four captions).

One seed makes one image: image i of a split has the seed OFFSET[split] + i, and render(seed)
reproduces it bit for bit. scene.py decides what a seed shows; backdrop.py and objects.py draw it.
"""
import argparse
import json
import os
import random
from multiprocessing import Pool

import numpy as np
import skia

import backdrop
from common import SIZE
from objects import DRAW, pine_tree
from pen import Pen, mix
from scene import COLOURS, OBJECTS, XPOS, attributes, captions

OFFSET = {"train": 1_000_000, "val": 9_000_000}
CHUNK = 500  # images per task
SHADOW_WIDTHS = {"car": .95, "flowers": .95, "house": .5, "tent": .5}  # of the height; else .28


def place(scene, draw):
    """-> (foot y, object, x, height) of every object, in the order of the scene."""
    things, placed = scene["objects"], []
    scale = 1.0 if len(things) == 1 else .9
    if len(things) == 2 and any(thing["position"] == "centre" for thing in things):
        scale = .8
    for thing in things:
        name = thing["object"]
        low, high = OBJECTS[name][1]
        height = draw.uniform(low, high) * scale
        if name == "house" and scale < .85:
            height *= .9
        x = XPOS[thing["position"]] * SIZE + draw.uniform(-10, 10)
        if name == "hot air balloon":
            y = draw.uniform(112, 142)
        elif name == "sailboat":
            y = draw.uniform(176, 192)
        elif scene["land"] in ("beach", "lake"):
            y = draw.uniform(222, 236)
        else:
            y = draw.uniform(196, 228)
        placed.append((y, thing, x, height))
    return placed


def draw_objects(pen, scene):
    """The objects with their shadows, the farthest first."""
    for y, thing, x, height in sorted(place(scene, pen.draw), key=lambda item: item[0]):
        name = thing["object"]
        colour = COLOURS.get(thing["colour"], (255, 255, 255))
        colour = tuple(v + pen.draw.uniform(-6, 6) for v in colour)
        if name not in ("hot air balloon", "sailboat"):
            width = height * SHADOW_WIDTHS.get(name, .28)
            pen.oval(x + 3, y, width, height * .05 + 2, (20, 24, 40), alpha=70)
        if name == "pine tree":
            pine_tree(pen, x, y, height, colour, snow=scene["land"] == "snow")
        else:
            DRAW[name](pen, x, y, height, colour)


def snowfall(pen):
    """Thirty flakes over the whole picture."""
    draw = pen.draw
    for _ in range(30):
        x, y, r = draw.uniform(0, SIZE), draw.uniform(0, SIZE), draw.uniform(1, 2)
        pen.circle(x, y, r, (255, 255, 255), alpha=200, glow=True)


def render(seed):
    """-> (uint8 array 256 x 256 x 3, attributes)"""
    scene = attributes(seed)
    surface = skia.Surface(SIZE, SIZE)
    pen = Pen(surface.getCanvas(), random.Random(seed * 31 + 17))
    horizon = pen.draw.uniform(138, 156)
    backdrop.sky(pen, scene, horizon)
    backdrop.celestial(pen, scene, horizon)
    pen.tint = backdrop.TINTS[scene["sky"]]
    backdrop.background(pen, scene, horizon)
    backdrop.ground(pen, scene["land"], horizon)
    pen.tint = tuple(mix(pen.tint, (1, 1, 1), .45))  # keeps the objects' colours readable
    draw_objects(pen, scene)
    if scene["land"] == "snow" and scene["sky"] in ("overcast", "night"):
        snowfall(pen)
    pixels = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
    return np.ascontiguousarray(pixels[:, :, :3]), scene


def render_range(task):
    """Draws images [low, high) into the split's file; returns (low, their rows)."""
    path, count, offset, low, high = task
    images, rows = np.memmap(path, np.uint8, "r+", shape=(count, SIZE, SIZE, 3)), []
    for i in range(low, high):
        images[i], row = render(offset + i)
        row["captions"] = captions(row)
        rows.append(row)
    images.flush()
    return low, rows


def render_split(out, split, count, processes):
    """Draws a whole split and writes its two files."""
    path = f"{out}/{split}.u8"
    np.memmap(path, np.uint8, "w+", shape=(count, SIZE, SIZE, 3)).flush()
    tasks = [
        (path, count, OFFSET[split], i, min(i + CHUNK, count)) for i in range(0, count, CHUNK)
    ]
    with Pool(processes) as pool:
        parts = sorted(pool.imap_unordered(render_range, tasks), key=lambda part: part[0])
    with open(f"{out}/{split}.jsonl", "w") as file:
        for _, rows in parts:
            for row in rows:
                file.write(json.dumps(row) + "\n")
    print(f"{split}: {count} scenes", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default="work/data")
    parser.add_argument("--train", type=int, default=40000)
    parser.add_argument("--val", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    for split, count in (("val", options.val), ("train", options.train)):
        render_split(options.out, split, count, options.processes)


if __name__ == "__main__":
    main()
