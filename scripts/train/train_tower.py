#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the text tower that a U-Net reads, against a small ViT that sees the scenes.

    python scripts/train/train_tower.py train --samples 60000
    python scripts/train/train_tower.py train --init DIR --judge work/ckpt/judge
    python scripts/train/train_tower.py check --init DIR

Inputs: `--data` with {train,val}.{u8,jsonl}, `--tokenizer`. Outputs in `--out`: a CLIPModel,
attribute_probe.safetensors (input: normalised image embedding times 10) and state.pt (replaced
atomically; an existing state is continued). SIGTERM saves and ends. `check` measures a
CLIPModel on 2,000 held-out renders.

Three losses. Contrastive: image against caption, where every caption also has a hard negative,
the same sentence with one attribute changed. Attributes from the image embedding, through the
linear probe. And, so that the text encoder's states serve a U-Net, naming the current object and
its colour at each noun. With `--judge` a fourth: the patches should reproduce what the judge sees there
(its 8x8 map of features), without which 60,000 scenes do not teach a ViT to find small objects.

A U-Net is trained on the text tower: after changing it, restart the U-Net. The ViT,
128 pixels wide, is not needed after that; the mini-CLIP that scores pictures sees more
(train_clip.py).
"""
import argparse
import json
import math
import os
import random
import signal
import time

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

import judge_net
import scene
from clip_task import (
    GLOBALS, HEADS, HUES, KINDS, NOTHING, altered, presence, targets, token_targets,
)
from common import autocast, edit_config, open_images, read_rows, save_atomically

PROBE_SCALE = 10
HELD_OUT = 2000
SIDE = 128


def build(vocabulary=1000):
    """An untrained CLIPModel of 2.9 M parameters."""
    text = dict(
        vocab_size=vocabulary, hidden_size=128, intermediate_size=512, num_hidden_layers=4,
        num_attention_heads=4, max_position_embeddings=77, hidden_act="quick_gelu",
        projection_dim=128, bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )
    vision = dict(
        hidden_size=192, intermediate_size=768, num_hidden_layers=4, num_attention_heads=6,
        image_size=SIDE, patch_size=16, hidden_act="quick_gelu", projection_dim=128,
    )
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=128))



class Text:
    """Captions -> (ids, token targets), padded to the longest."""

    def __init__(self, tokenizer):
        self.tokenizer, self.cache = tokenizer, {}

    def encode(self, text):
        """Ids and targets of one caption, from the cache if it was seen before."""
        if text not in self.cache:
            if len(self.cache) > 400000:
                self.cache.clear()
            ids = self.tokenizer(text, truncation=True, max_length=77).input_ids
            tokens = self.tokenizer.convert_ids_to_tokens(ids)
            self.cache[text] = (ids, token_targets(tokens))
        return self.cache[text]

    def __call__(self, texts):
        rows = [self.encode(text) for text in texts]
        longest, end = max(len(ids) for ids, _ in rows), self.tokenizer.eos_token_id
        ids = [row + [end] * (longest - len(row)) for row, _ in rows]
        said = [row + [(NOTHING, NOTHING)] * (longest - len(row)) for _, row in rows]
        return torch.tensor(ids), torch.tensor(said)


# ---------------------------------------------------------------- the towers


def encode_text(model, ids):
    """-> (normalised embedding, the states of all tokens)"""
    out = model.text_model(input_ids=ids)
    embedding = model.text_projection(out.pooler_output).float()
    return F.normalize(embedding, dim=-1), out.last_hidden_state


def encode_image(model, x):
    """-> normalised embedding"""
    return encode_patches(model, x)[0]


def encode_patches(model, x):
    """-> (normalised embedding, the states of all patches, row by row)"""
    out = model.vision_model(pixel_values=x)
    embedding = model.visual_projection(out.pooler_output).float()
    return F.normalize(embedding, dim=-1), out.last_hidden_state[:, 1:]


def to_input(images):
    """uint8 N x 256 x 256 x 3 -> float32 N x 3 x 128 x 128 in [-1, 1], by means of 2 x 2."""
    sums = images.reshape(-1, SIDE, 2, SIDE, 2, 3).astype(np.uint16).sum((2, 4))
    return torch.from_numpy(sums.astype(np.float32)).div_(510).sub_(1).permute(0, 3, 1, 2)


def heads(probe, embedding):
    """The probe's logits by head."""
    return probe(embedding.float() * PROBE_SCALE).split(list(HEADS.values()), 1)


def found(logits, there):
    """The share of the n things present that are among the n most likely."""
    order = logits.argsort(1, descending=True).argsort(1)
    return float((order < there.sum(1, keepdim=True))[there > 0].float().mean())


@torch.no_grad()
def evaluate(model, probe, images, rows, text):
    """Retrieval among 100, preference over an altered caption, accuracy of the probe."""
    model.eval()
    draw, retrieved, preferred, said = random.Random(1), [], [], []
    for i in range(0, len(images), 100):
        part = rows[i:i + 100]
        other = [scene.caption(altered(r, draw), random.Random(r["seed"] * 7 + 3), True)
                 for r in part]
        with autocast():
            image = encode_image(model, to_input(images[i:i + 100]))
            true = encode_text(model, text([r["captions"][0] for r in part])[0])[0]
            false = encode_text(model, text(other)[0])[0]
        likeness, own = image @ true.T, torch.arange(len(part))
        retrieved.append([float((likeness.argmax(d) == own).float().mean()) for d in (1, 0)])
        preferred.append(((image * true).sum(1) > (image * false).sum(1)).float())
        said.append(torch.cat(heads(probe, image), 1))
    model.train()
    said = dict(zip(HEADS, torch.cat(said).split(list(HEADS.values()), 1)))
    classes = dict(zip(GLOBALS, torch.tensor([targets(r) for r in rows]).T))
    shares = {k: float((said[k].argmax(1) == y).float().mean()) for k, y in classes.items()}
    there = torch.tensor([presence(r) for r in rows]).split([len(KINDS), len(HUES)], 1)
    shares |= {k: found(said[k], y) for k, y in zip(("object", "colour"), there)}
    return dict(
        image_to_text=round(float(np.mean(retrieved, 0)[0]), 4),
        text_to_image=round(float(np.mean(retrieved, 0)[1]), 4),
        prefers_true=round(float(torch.cat(preferred).mean()), 4),
        probe={name: round(share, 4) for name, share in shares.items()},
    )


# ---------------------------------------------------------------- training


class Run:
    """The model in training with its probe, token heads and optimizer."""

    def __init__(self, options):
        torch.manual_seed(options.seed)
        self.options, self.samples = options, 0
        self.images = open_images(options.data, "train")
        self.rows = read_rows(options.data, "train")
        self.classes = torch.tensor([targets(row) for row in self.rows])
        self.there = torch.tensor([presence(row) for row in self.rows])
        self.text = Text(CLIPTokenizer.from_pretrained(options.tokenizer))
        self.model = build(len(self.text.tokenizer))
        self.probe = nn.Linear(128, sum(HEADS.values()))
        self.namer = nn.Linear(128, len(KINDS) + len(HUES) + 1)
        self.judge = judge_net.load(options.judge) if options.judge else None
        self.seer = nn.Linear(192, judge_net.NARROW)
        if options.init:
            self.model = CLIPModel.from_pretrained(options.init).float()
            saved = load_file(f"{options.init}/attribute_probe.safetensors")
            if saved["weight"].shape == self.probe.weight.shape:  # otherwise from an older release
                self.probe.load_state_dict(saved)
        self.parts = {"model": self.model, "probe": self.probe, "namer": self.namer}
        if self.judge:
            self.parts["seer"] = self.seer
        if options.images_only:
            self.model.text_model.requires_grad_(False)
        weights = [p for part in self.parts.values() for p in part.parameters()]
        self.weights = [p for p in weights if p.requires_grad]
        decayed = [p for p in self.weights if p.ndim > 1]
        plain = [p for p in self.weights if p.ndim < 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0}],
            lr=options.lr, betas=(0.9, 0.98), fused=True,
        )
        self.path = f"{options.out}/state.pt"
        if os.path.exists(self.path):
            state = torch.load(self.path, weights_only=True)
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
            self.optimizer.load_state_dict(state["optimizer"])
            self.samples = state["samples"]
            print(f"continues {self.path} from {self.samples} samples", flush=True)

    def save(self):
        """The model and probe for other programs, and state.pt to resume from."""
        state = {name: part.state_dict() for name, part in self.parts.items()}
        state |= dict(optimizer=self.optimizer.state_dict(), samples=self.samples)
        self.model.save_pretrained(self.options.out)
        edit_config(self.options.out)
        probe = {k: v.contiguous() for k, v in self.probe.state_dict().items()}
        save_file(probe, f"{self.options.out}/attribute_probe.safetensors")
        save_atomically(state, self.path)

    def losses(self, picked, draw):
        """-> (contrastive, attributes from the image, from the tokens, what the judge sees)"""
        size = len(picked)
        true, false = [], []
        for i in picked:
            seed, full = draw.getrandbits(32), draw.random() < 0.35
            other = altered(self.rows[i], draw)
            true.append(scene.caption(self.rows[i], random.Random(seed), full))
            false.append(scene.caption(other, random.Random(seed), full))
        ids, said = self.text(true + false)
        with autocast():
            image, patches = encode_patches(self.model, to_input(self.images[picked]))
            with torch.set_grad_enabled(not self.options.images_only):
                text, states = encode_text(self.model, ids)
            named = self.namer(states).float().flatten(0, 1)
        logits = self.model.logit_scale.exp().clamp(max=100) * image @ text.T
        # If the changed attribute was not in the sentence, the negative is the caption itself.
        same = torch.tensor([a == b for a, b in zip(true, false)])
        mask = torch.cat([torch.zeros(size, size, dtype=torch.bool), torch.diag(same)], 1)
        own = torch.arange(size)
        contrastive = F.cross_entropy(logits.masked_fill(mask, -1e4), own)
        contrastive = (contrastive + F.cross_entropy(logits[:, :size].T, own)) / 2
        kinds, hues = named.split([len(KINDS), len(HUES) + 1], 1)
        said = said.flatten(0, 1)
        token_loss = F.cross_entropy(kinds, said[:, 0]) + F.cross_entropy(hues, said[:, 1])
        seen_loss = self.seen_loss(picked, patches)
        return contrastive, self.attribute_loss(picked, image), token_loss, seen_loss

    def attribute_loss(self, picked, image):
        """Cross entropies of the probe's answers."""
        *one, object_logits, colour_logits = heads(self.probe, image)
        total = sum(F.cross_entropy(l, y) for l, y in zip(one, self.classes[picked].T))
        many, there = torch.cat([object_logits, colour_logits], 1), self.there[picked]
        return total + there.shape[1] * F.binary_cross_entropy_with_logits(many, there)

    def seen_loss(self, picked, patches):
        """The error of the patches' states in reproducing the judge's features at the same places."""
        if not self.judge:
            return torch.zeros(())
        x = judge_net.to_input(self.images[picked]).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), autocast():
            seen = self.judge.features(x).float().flatten(2).transpose(1, 2)
        told = self.seer(patches.float())
        return F.mse_loss(told, seen) / seen.var()

    def advance(self):
        """One step on a batch drawn from the step's own seed; returns the losses."""
        options = self.options
        rng = np.random.default_rng([options.seed, self.samples])
        picked = np.sort(rng.choice(len(self.rows), options.batch, replace=False))
        losses = self.losses(picked, random.Random(f"{options.seed} {self.samples}"))
        weights = (1, options.attributes, 0.3, 1)
        sum(weight * loss for weight, loss in zip(weights, losses)).backward()
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        cosine = 0.5 * (1 + math.cos(math.pi * min(1, self.samples / options.samples)))
        warm = min(1, (self.samples / options.batch + 1) / 150)
        for group in self.optimizer.param_groups:
            group["lr"] = options.lr * warm * (0.02 + 0.98 * cosine)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.samples += options.batch
        return [loss.item() for loss in losses]


def train(options):
    """Trains until `--samples` are done or a signal ends the run."""
    torch.set_num_threads(options.threads)  # the contrastive loss needs the batch in one piece
    os.makedirs(options.out, exist_ok=True)
    stop = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.append(True))
    val, val_rows = open_images(options.data, "val"), read_rows(options.data, "val")
    run, losses, saved = Run(options), [], time.time()
    while run.samples < options.samples and not stop:
        losses.append(run.advance())
        if len(losses) == 50:
            means = np.mean(losses, 0).round(3).tolist()
            means = dict(zip(("contrastive", "image", "tokens", "seen"), means))
            print(f"samples {run.samples} {means}", flush=True)
            losses.clear()
        if time.time() - saved > options.every * 60:
            run.save()
            print(evaluate(run.model, run.probe, val[:300], val_rows[:300], run.text), flush=True)
            saved = time.time()
    run.save()
    found = evaluate(run.model, run.probe, val[:HELD_OUT], val_rows[:HELD_OUT], run.text)
    print(json.dumps(found), flush=True)


def check(options):
    """Prints what `evaluate` finds of the CLIPModel in `--init`."""
    torch.set_num_threads(options.threads)
    model = CLIPModel.from_pretrained(options.init).float()
    probe = nn.Linear(128, sum(HEADS.values()))
    probe.load_state_dict(load_file(f"{options.init}/attribute_probe.safetensors"))
    text = Text(CLIPTokenizer.from_pretrained(options.tokenizer))
    images, rows = open_images(options.data, "val"), read_rows(options.data, "val")
    print(json.dumps(evaluate(model, probe, images[:HELD_OUT], rows[:HELD_OUT], text), indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["train", "check"])
    parser.add_argument("--data", default="work/data")
    parser.add_argument("--tokenizer", default="work/ckpt/tokenizer")
    parser.add_argument("--out", default="work/ckpt/tower")
    parser.add_argument("--init", default="", help="start from this exported CLIPModel")
    parser.add_argument("--judge", default="", help="directory of a judge to learn from")
    parser.add_argument("--images-only", action="store_true", help="leave the text tower alone")
    parser.add_argument("--attributes", type=float, default=0.3, help="weight of the probe's loss")
    parser.add_argument("--samples", type=int, default=60000, help="image-caption pairs in all")
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--every", type=float, default=5, help="minutes between checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    {"train": train, "check": check}[options.what](options)


if __name__ == "__main__":
    main()
