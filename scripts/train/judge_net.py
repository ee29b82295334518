# SPDX-License-Identifier: Apache-2.0
"""The judge's network, the meaning of its outputs, its files, and counting hits.

The network is convolutions, GroupNorm, SiLU and one linear layer, so that it runs anywhere. Its
outputs: sky, land, background and celestial body (one of n each); for each kind of object whether
it is there (a logit), its colour and its position (one of n each, meaningful if it is there).
"""
import json

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from common import wilson
from scene import BACKS, CEL_NAMES, COLOURED, COLOURS, LANDS, OBJECTS, POSITIONS, SKIES

GLOBALS = {"sky": SKIES, "land": LANDS, "background": BACKS, "celestial": CEL_NAMES}
KINDS, HUES = list(OBJECTS), list(COLOURS)
# name -> number of outputs, in the order of the last layer
OUTPUTS = {name: len(values) for name, values in GLOBALS.items()} | {
    "present": len(KINDS), "colour": len(KINDS) * len(HUES),
    "position": len(KINDS) * len(POSITIONS),
}
# (channels, stride) of the 3x3 convolutions; each is followed by GroupNorm(8) and SiLU
CONVOLUTIONS = [(16, 2), (32, 2), (64, 2), (64, 1), (96, 2), (96, 1), (128, 2), (128, 1)]
NARROW = 32  # channels of the 8x8 map that the linear layer sees


class Judge(nn.Module):
    """N x 3 x 256 x 256 in [-1, 1] -> N x 175."""

    def __init__(self):
        super().__init__()
        layers, width = [], 3
        for channels, stride in CONVOLUTIONS:
            layers += [nn.Conv2d(width, channels, 3, stride, 1), nn.GroupNorm(8, channels)]
            layers += [nn.SiLU()]
            width = channels
        self.features = nn.Sequential(*layers, nn.Conv2d(width, NARROW, 1), nn.SiLU())
        self.head = nn.Linear(NARROW * 8 * 8, sum(OUTPUTS.values()))

    def forward(self, x):
        return self.head(self.features(x).flatten(1))


def answers(output):
    """The outputs by name: N x n, and for colour and position N x kinds x n."""
    parts = dict(zip(OUTPUTS, output.split(list(OUTPUTS.values()), 1)))
    parts["colour"] = parts["colour"].unflatten(1, (len(KINDS), len(HUES)))
    parts["position"] = parts["position"].unflatten(1, (len(KINDS), len(POSITIONS)))
    return parts


def truth(rows):
    """Class indices by name; -100 where the attribute does not apply."""
    out = {
        name: torch.tensor([values.index(row[name]) for row in rows])
        for name, values in GLOBALS.items()
    }
    out["present"] = torch.zeros(len(rows), len(KINDS))
    out["colour"] = torch.full((len(rows), len(KINDS)), -100)
    out["position"] = torch.full((len(rows), len(KINDS)), -100)
    for i, row in enumerate(rows):
        for thing in row["objects"]:
            k = KINDS.index(thing["object"])
            out["present"][i, k] = 1
            out["position"][i, k] = POSITIONS.index(thing["position"])
            if thing["object"] in COLOURED:
                out["colour"][i, k] = HUES.index(thing["colour"])
    return out


def to_input(images):
    """uint8 N x 256 x 256 x 3 -> float32 N x 3 x 256 x 256 in [-1, 1]."""
    x = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)
    return x.float() / 127.5 - 1


# ---------------------------------------------------------------- files


def export(judge, out, report):
    """judge.safetensors in float16 and judge.json."""
    weights = {k: v.half().contiguous() for k, v in judge.state_dict().items()}
    save_file(weights, f"{out}/judge.safetensors", metadata={"format": "pt"})
    described, index = [], 0
    for channels, stride in CONVOLUTIONS:
        described += [
            {"convolution": f"features.{index}", "channels": channels, "kernel": 3,
             "stride": stride, "padding": 1},
            {"group_norm": f"features.{index + 1}", "groups": 8, "epsilon": 1e-5},
            {"silu": True},
        ]
        index += 3
    described += [
        {"convolution": f"features.{index}", "channels": NARROW, "kernel": 1, "stride": 1,
         "padding": 0},
        {"silu": True}, {"flatten": "channels, rows, columns"}, {"linear": "head"},
    ]
    data = {
        "input": {"size": [256, 256], "channels": "RGB", "scale": "x / 127.5 - 1"},
        "layers": described, "outputs": OUTPUTS, "values": GLOBALS, "kinds": KINDS,
        "colours": HUES, "positions": POSITIONS, "coloured": sorted(COLOURED),
        "present_above": 0.0, "held_out_renders": report,
    }
    with open(f"{out}/judge.json", "w") as file:
        json.dump(data, file, indent=1)


def load(path):
    """The exported judge, computing in float32."""
    judge = Judge()
    judge.load_state_dict(load_file(f"{path}/judge.safetensors"))
    return judge.float().eval()


# ---------------------------------------------------------------- counting


def look(judge, images, pool, part=20):
    """The judge's outputs for uint8 images, by name."""
    @torch.no_grad()
    def one(start):
        x = to_input(images[start:start + part])
        return judge(x.contiguous(memory_format=torch.channels_last))

    return answers(torch.cat(list(pool.map(one, range(0, len(images), part)))))


def hits(said, target):
    """Right or wrong by attribute: lists of 0 and 1, over everything the target specifies.

    "object": the requested objects that are found. "no other object": the pictures without any
    other kind. "colour" and "position": the objects found that have the right one.
    "whole object": the requested objects that are found with the right colour and
    position.
    """
    out = {name: said[name].argmax(1) == target[name] for name in GLOBALS}
    out = {name: right[target[name] >= 0] for name, right in out.items()}
    there, found = target["present"] > 0, said["present"] > 0
    out["object"] = found[there]
    out["no other object"] = ~(found & ~there).any(1)
    whole = found.clone()
    for name in ("colour", "position"):
        right, asked = said[name].argmax(2) == target[name], target[name] >= 0
        out[name] = right[asked & found]
        whole &= right | ~asked
    out["whole object"] = whole[there]
    return {name: right.int().tolist() for name, right in out.items()}


def summary(found):
    """Accuracy, interval and count of each list of hits."""
    out = {}
    for name, values in found.items():
        low, high = wilson(sum(values), len(values))
        share = sum(values) / len(values) if values else 0.0
        out[name] = {
            "accuracy": round(share, 4), "interval": [round(low, 4), round(high, 4)],
            "count": len(values),
        }
    return out


def accuracy(judge, images, rows, pool):
    """How often the judge is right about pictures whose attributes are known."""
    said, target = look(judge, images, pool), truth(rows)
    report = summary(hits(said, target))
    for k, kind in enumerate(KINDS):
        right = (said["present"][:, k] > 0) == (target["present"][:, k] > 0)
        report[f"present: {kind}"] = summary({kind: right.int().tolist()})[kind]
    return report


def print_report(report):
    """One line per attribute."""
    for name, line in report.items():
        low, high = line["interval"]
        print(f"{name:24} {line['accuracy']:.3f}  [{low:.3f}, {high:.3f}]  of {line['count']}")
