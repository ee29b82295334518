#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the mini-CLIP on the frozen judge's and text encoder's outputs for scenes.

    python scripts/train/train_clip.py train
    python scripts/train/train_clip.py check                  # on 2,000 held-out renders

Inputs: `--data` with {train,val}.{u8,jsonl}, `--model` with text_encoder/ and tokenizer/, `--judge`.
Outputs in `--out`: clip.safetensors and clip.json (see clip_net.py), and what is computed once:
features.npy (the judge's features of every scene, unchanged and perturbed as in the judge's own
training), states.npy (the text encoder's states of true and altered captions) and the same for the held-out
scenes. The rest are small layers: they train in minutes, so an interrupted run starts again.

Two losses. Contrastive: image against caption, where every caption also has a hard negative, the
same sentence with one attribute changed. And the attributes from the image embedding, through the linear
probe, so that they can be read from it.
"""
import argparse
import json
import math
import os
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from transformers import CLIPTextModel, CLIPTokenizer

import clip_net
import judge
import judge_net
import scene
from clip_task import altered, presence, targets
from clip_net import HELD_OUT
from common import open_images, read_rows


def cached(path, compute):
    """The float16 array at `path`, computed and kept if missing."""
    if not os.path.exists(path):
        np.save(f"{path}.tmp.npy", compute().half().numpy())
        os.replace(f"{path}.tmp.npy", path)
    return torch.from_numpy(np.load(path))


class Seen:
    """The judge's and the text encoder's outputs for the data set."""

    def __init__(self, options):
        self.options = options
        self.tokenizer = CLIPTokenizer.from_pretrained(f"{options.model}/tokenizer")
        self.encoder = CLIPTextModel.from_pretrained(f"{options.model}/text_encoder").float().eval()

    def judged(self, split, count=None, change=lambda x, start: x):
        """The judge's features of a split's images."""
        eye, images = judge_net.load(self.options.judge), open_images(self.options.data, split)
        with ThreadPoolExecutor(self.options.threads) as pool:
            return clip_net.features(eye, images[:count], pool, change=change)

    def train_features(self):
        """2 x N x 2048: the training scenes unchanged, then perturbed."""
        def disturb(x, start):
            return judge.disturb(x, np.random.default_rng([self.options.seed, start]))

        return cached(f"{self.options.out}/features.npy", lambda: torch.stack(
            [self.judged("train"), self.judged("train", change=disturb)]))

    def read(self, captions):
        """The text encoder's pooled states of captions."""
        return clip_net.states(self.encoder, self.tokenizer, captions)

    def train_states(self, rows):
        """(rounds, 2, N, 256): true and altered captions; a state of zeros if they are the same."""
        def compute():
            draw, rounds = random.Random(self.options.seed), []
            for _ in range(self.options.captions):
                true, false = [], []
                for row in rows:
                    seed, full = draw.getrandbits(32), draw.random() < 0.35
                    true.append(scene.caption(row, random.Random(seed), full))
                    false.append(scene.caption(altered(row, draw), random.Random(seed), full))
                same = torch.tensor([a == b for a, b in zip(true, false)])
                other = self.read(false).masked_fill(same[:, None], 0)
                rounds.append(torch.stack([self.read(true), other]))
            return torch.stack(rounds)

        return cached(f"{self.options.out}/states.npy", compute)

    def held_out(self):
        """-> (features, rows, states of true captions, states of altered ones)"""
        out, rows = self.options.out, read_rows(self.options.data, "val", HELD_OUT)
        features = cached(f"{out}/held_out.npy", lambda: self.judged("val", HELD_OUT)).float()
        both = cached(f"{out}/held_out_states.npy", lambda: torch.stack(
            [self.read(said) for said in clip_net.compared(rows)])).float()
        return features, rows, both[0], both[1]


def losses(model, image, true, false, classes, there):
    """-> (contrastive, attributes); an altered state of zeros is not a negative."""
    size, own = len(image), torch.arange(len(image))
    image = model.image(image)
    text = F.normalize(model.text(torch.cat([true, false])), dim=-1)
    logits = model.logit_scale.exp().clamp(max=100) * F.normalize(image, dim=-1) @ text.T
    none = torch.diag((false == 0).all(1))
    mask = torch.cat([torch.zeros(size, size, dtype=torch.bool), none], 1)
    contrastive = F.cross_entropy(logits.masked_fill(mask, -1e4), own)
    contrastive = (contrastive + F.cross_entropy(logits[:, :size].T, own)) / 2
    *one, kinds, hues = model.heads(image).values()
    attributes = sum(F.cross_entropy(l, y) for l, y in zip(one, classes.T))
    many = torch.cat([kinds, hues], 1)
    return contrastive, attributes + 26 * F.binary_cross_entropy_with_logits(many, there)


def train(options):
    """Trains for `--steps`, then exports and measures."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    os.makedirs(options.out, exist_ok=True)
    seen, rows = Seen(options), read_rows(options.data, "train")
    features, states, held_out = seen.train_features(), seen.train_states(rows), seen.held_out()
    classes = torch.tensor([targets(row) for row in rows])
    there = torch.tensor([presence(row) for row in rows])
    model = clip_net.MiniCLIP()
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.lr, weight_decay=0.02, fused=True)
    rng, past = np.random.default_rng(options.seed), []
    for step in range(options.steps):
        picked = rng.choice(len(rows), options.batch, replace=False)
        which, said = rng.integers(2, size=len(picked)), rng.integers(len(states), size=len(picked))
        parts = losses(
            model, features[which, picked].float(), states[said, 0, picked].float(),
            states[said, 1, picked].float(), classes[picked], there[picked],
        )
        (parts[0] + options.attributes * parts[1]).backward()
        cosine = 0.5 * (1 + math.cos(math.pi * step / options.steps))
        for group in optimizer.param_groups:
            group["lr"] = options.lr * min(1, (step + 1) / 100) * (0.01 + 0.99 * cosine)
        optimizer.step()
        optimizer.zero_grad()
        past.append([part.item() for part in parts])
        if len(past) == 200:
            report = clip_net.evaluate(model, *held_out)
            print(step + 1, np.mean(past, 0).round(3).tolist(),
                  {k: v["accuracy"] for k, v in report.items()}, flush=True)
            past.clear()
    with torch.no_grad():
        known = clip_net.statistics(model.image(held_out[0]))
    clip_net.export(model, options.out, known)
    check(options)


def check(options):
    """Prints the measures of the exported mini-CLIP, and of a probe trained from scratch."""
    torch.set_num_threads(options.threads)
    model, seen = clip_net.load(options.out), Seen(options)
    features, rows, true, false = seen.held_out()
    report = clip_net.evaluate(model, features, rows, true, false)
    with torch.no_grad():
        known = F.normalize(model.image(seen.train_features()[0].float()), dim=-1)
        new = F.normalize(model.image(features), dim=-1)
    fresh = clip_net.linear_probe(known, read_rows(options.data, "train"), new, rows)
    report |= {f"{k}, probe from nothing": v for k, v in fresh.items()}
    print(json.dumps(report, indent=1))


def main():
    resources = "Sources/EmbeddedModel/Resources"
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["train", "check"])
    parser.add_argument("--data", default="work/data")
    parser.add_argument("--model", default=f"{resources}/postcards", help="model whose text encoder is used")
    parser.add_argument("--judge", default=f"{resources}/judge", help="judge whose features are used")
    parser.add_argument("--out", default="work/ckpt/clip")
    parser.add_argument("--attributes", type=float, default=0.1, help="weight of the probe's loss")
    parser.add_argument("--captions", type=int, default=1, help="pairs of captions per scene")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    {"train": train, "check": check}[options.what](options)


if __name__ == "__main__":
    main()
