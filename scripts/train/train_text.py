#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Teaches the text encoder to keep what a caption says about positions.

    python scripts/train/train_text.py --init DIR --out work/ckpt/text_encoder

Inputs: the text_encoder and tokenizer of the pipeline `--init`; captions come from random
scenes, no picture is needed. Outputs in `--out`: a CLIPTextModel directory in float16, and
state.pt (replaced atomically; an existing state is continued). SIGTERM saves and ends.

Why: the text tower (train_tower.py) learnt to name the object at each noun and at each position word,
and so forgot the word itself: its states for "left" and "right" differ by 0.6, where the
states' norm is 12 and a changed colour moves them by 10 to 16. A U-Net cannot follow what it
cannot see.

At a position word and after it, until the next noun, a state should encode the object, its colour
and its position; at the end of the text and on the padding, what is on the left, in the centre and on the right.
The answers are read by linear heads with rows of norm one, times SCALE, so that they must be
encoded strongly; otherwise the states are held to their old values, and a U-Net trained on them adapts
quickly.
"""
import argparse
import copy
import os
import random
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("OMP_NUM_THREADS", "1")  # parallelism comes from the workers

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

import scene
import unet
from clip_task import HUES, KINDS, NO_COLOUR, NO_OBJECT, NOTHING, token_targets
from common import autocast, average_gradients, save_atomically
from scene import POSITIONS

SCALE = 2.0
FIRST_SEED = 20_000_000  # of scenes in no data set
PLACES = {"left": 0, "middle": 1, "centre": 1, "right": 2}
TOKEN_HEADS = {"kind": len(KINDS), "colour": len(HUES) + 1, "position": len(POSITIONS)}
SCENE_HEADS = {f"kind_{p}": len(KINDS) + 1 for p in POSITIONS}
SCENE_HEADS |= {f"colour_{p}": len(HUES) + 1 for p in POSITIONS}


def words_of(tokens):
    """Tokens without their end-of-word marks; every word of a caption is one token."""
    return [token.replace("</w>", "") for token in tokens]


def position_targets(tokens):
    """-> ((kind, colour, position) per token, what is at each position)

    The first is NOTHING before an object's position is mentioned. The second lists kind and colour of
    left, centre and right, in the order of SCENE_HEADS, or only NOTHING if no position is mentioned.
    """
    named = token_targets(tokens)
    per_token, current = [], (NOTHING,) * 3
    at = {p: (NO_OBJECT, NO_COLOUR) for p in range(len(POSITIONS))}
    told = False
    for word, (kind, colour) in zip(words_of(tokens), named):
        if word in PLACES and kind != NOTHING:
            current = (kind, colour, PLACES[word])
            at[PLACES[word]] = (kind, colour)
            told = True
        elif kind != NOTHING:
            current = (NOTHING,) * 3  # the next object
        per_token.append(current)
    if not told:
        return per_token, [NOTHING] * len(SCENE_HEADS)
    return per_token, [at[p][0] for p in at] + [at[p][1] for p in at]


class UnitHead(nn.Module):
    """A linear layer whose rows have norm one, times SCALE."""

    def __init__(self, width, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, width) / width**0.5)

    def forward(self, x):
        return x @ (SCALE * F.normalize(self.weight, dim=1)).T


class Run:
    """The text encoder in training, its original, the heads and the optimizer."""

    def __init__(self, options):
        torch.manual_seed(options.seed)
        self.options, self.samples = options, 0
        prompts = unet.Prompts(f"{options.init}/text_encoder", f"{options.init}/tokenizer")
        self.tokenizer, self.teacher = prompts.tokenizer, prompts.encoder
        self.encoder = copy.deepcopy(self.teacher)
        self.token_head = UnitHead(128, sum(TOKEN_HEADS.values()))
        self.scene_head = UnitHead(128, sum(SCENE_HEADS.values()))
        self.modules = nn.ModuleList([self.encoder, self.token_head, self.scene_head])
        self.weights = [p for p in self.modules.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=options.lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self.path = f"{options.out}/state.pt"
        if os.path.exists(self.path):
            state = torch.load(self.path, weights_only=True)
            self.modules.load_state_dict(state["modules"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.samples = state["samples"]
            print(f"continues {self.path} from {self.samples} captions", flush=True)

    def save(self):
        """The encoder as transformers loads it, and state.pt."""
        source, out = f"{self.options.init}/text_encoder", self.options.out
        shutil.copyfile(f"{source}/config.json", f"{out}/config.json")
        weights = {
            "text_model." + k.removeprefix("text_model."): v.half().contiguous()
            for k, v in self.encoder.state_dict().items() if "position_ids" not in k
        }
        save_file(weights, f"{out}/model.safetensors", metadata={"format": "pt"})
        save_atomically(
            dict(
                modules=self.modules.state_dict(), optimizer=self.optimizer.state_dict(),
                samples=self.samples,
            ),
            self.path,
        )

    def captions(self, n, count):
        """Captions n, n + 1, ..., two thirds of them with every attribute."""
        out = []
        for i in range(n, n + count):
            draw = random.Random(f"{self.options.seed} {i}")
            full = draw.random() < 0.67
            out.append(scene.caption(scene.attributes(FIRST_SEED + i), draw, full))
        return out

    def losses(self, captions):
        """-> (cross entropy of tokens, of the scene, distance from the original states)"""
        tokens = self.tokenizer(captions, padding="max_length", truncation=True, max_length=77)
        ids = torch.tensor(tokens.input_ids)
        with autocast():
            states = self.encoder(input_ids=ids).last_hidden_state
            with torch.no_grad():
                before = self.teacher(input_ids=ids).last_hidden_state
        states = states.float()
        per_token, per_scene = zip(*[
            position_targets(self.tokenizer.convert_ids_to_tokens(row)) for row in ids.tolist()
        ])
        # The state at the end of the text belongs to the scene, not to the last object.
        padding = torch.tensor(tokens.attention_mask).cumsum(1) == (
            torch.tensor(tokens.attention_mask).sum(1, keepdim=True)
        )
        per_token = torch.tensor(per_token).masked_fill(padding[..., None], NOTHING)
        per_scene = torch.tensor(per_scene)[:, None].expand(-1, ids.shape[1], -1)
        token_loss = self.head_loss(self.token_head, TOKEN_HEADS, states, per_token)
        scene_loss = self.head_loss(
            self.scene_head, SCENE_HEADS, states[padding], per_scene[padding]
        )
        return token_loss, scene_loss, (states - before.float()).pow(2).mean()

    def head_loss(self, head, sizes, states, targets):
        """Sum of the cross entropies of a head's questions where there is an answer."""
        asked = targets[..., -1] != NOTHING
        logits = head(states[asked]).split(list(sizes.values()), 1)
        return sum(F.cross_entropy(l, y) for l, y in zip(logits, targets[asked].T))

    def gradient(self, captions):
        """(losses, gradients) of some captions; runs in a worker thread."""
        losses = self.losses(captions)
        total = losses[0] + losses[1] + self.options.hold * losses[2]
        gradients = torch.autograd.grad(total, self.weights)
        return [loss.item() for loss in losses], gradients

    def advance(self, pool):
        """One step; returns the mean losses."""
        options = self.options
        captions = self.captions(self.samples, options.batch)
        part = options.batch // options.workers
        parts = [captions[i:i + part] for i in range(0, options.batch, part)]
        losses = average_gradients(pool, self.gradient, parts, self.weights)
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        left = 1 - self.samples / options.samples
        warm = min(1, (self.samples / options.batch + 1) / 50)
        for group in self.optimizer.param_groups:
            group["lr"] = options.lr * warm * left
        self.optimizer.step()
        self.samples += options.batch
        return [sum(column) / len(losses) for column in zip(*losses)]


@torch.no_grad()
def distances(run):
    """How far the states move when left and right are swapped."""
    pair = [
        f"a red car on the {a} and a blue tent on the {b} in a meadow at night"
        for a, b in (("left", "right"), ("right", "left"))
    ]
    tokens = run.tokenizer(pair, padding="max_length", max_length=77)
    states = run.encoder(input_ids=torch.tensor(tokens.input_ids)).last_hidden_state
    moved = (states[0] - states[1]).norm(dim=1)
    words = words_of(run.tokenizer.convert_ids_to_tokens(tokens.input_ids[0]))
    said = [f"{word} {far:.1f}" for word, far in zip(words, moved.tolist())]
    return " ".join(said[6:22]) + f" ... {said[-1]}"


def train(options):
    """Trains until `--samples` captions are done or a signal ends the run."""
    os.makedirs(options.out, exist_ok=True)
    stop = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.append(True))
    run, losses, saved = Run(options), [], time.time()
    with ThreadPoolExecutor(options.workers) as pool:
        while run.samples < options.samples and not stop:
            losses.append(run.advance(pool))
            if len(losses) == 25:
                means = [round(sum(column) / 25, 3) for column in zip(*losses)]
                print(f"captions {run.samples} token, scene, moved: {means}", flush=True)
                losses.clear()
            if time.time() - saved > options.every * 60:
                run.save()
                saved = time.time()
    run.save()
    print(distances(run), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--init", required=True, help="pipeline with text_encoder and tokenizer")
    parser.add_argument("--out", default="work/ckpt/text_encoder")
    parser.add_argument("--samples", type=int, default=40000, help="captions in all")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--hold", type=float, default=2.0, help="weight of the distance from the original states")
    parser.add_argument("--every", type=float, default=5, help="minutes between checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
