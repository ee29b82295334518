#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The judge: a small classifier that says what a picture shows, trained on rendered scenes.

    python scripts/train/judge.py train                      # resumes if it was interrupted
    python scripts/train/judge.py check --count 2000         # accuracy on held-out renders
    python scripts/train/judge.py score --model DIR --prompts validation.json --count 200

Inputs of `train`: `--data` with {train,val}.{u8,jsonl}. Outputs in `--out`: judge.safetensors
(float16), judge.json (layers, meaning of the outputs, accuracy per attribute on held-out renders),
state.pt. Inputs of `score`: a pipeline directory, the prompts with their attributes, and `--out`
of a trained judge. Output: the share of prompts whose picture shows the requested attribute, by attribute,
with 95 % Wilson intervals, on the screen and as JSON in `--report`.

Half of the training pictures are softened, shifted or noisy, since generated ones are not sharp.
The network is in judge_net.py.
"""
import argparse
import json
import math
import os
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("OMP_NUM_THREADS", "1")  # parallelism comes from the workers

import numpy as np
import torch
import torch.nn.functional as F

from common import FAST_TYPE, autocast, average_gradients, open_images, read_rows, save_atomically
from judge_net import GLOBALS, KINDS, Judge, accuracy, answers, export, hits, load, look
from judge_net import print_report, summary, to_input, truth

HELD_OUT = 2000


def loss_of(output, target):
    """Cross entropies of all the questions; the kinds' presence weighs most."""
    said = answers(output)
    total = sum(F.cross_entropy(said[name], target[name]) for name in GLOBALS)
    present = F.binary_cross_entropy_with_logits(said["present"], target["present"])
    total = total + len(KINDS) * present
    for name in ("colour", "position"):
        total = total + F.cross_entropy(said[name].flatten(0, 1), target[name].flatten())
    return total


# ---------------------------------------------------------------- training


def disturb(x, rng):
    """Softens, shifts, and adds noise to pictures, each with its own probability."""
    out = []
    for image in x:
        image = image[None]
        if rng.random() < 0.5:
            side = int(rng.integers(72, 200))
            small = F.interpolate(image, size=(side, side), mode="bilinear", antialias=True)
            image = F.interpolate(small, size=(256, 256), mode="bilinear")
        if rng.random() < 0.5:
            dy, dx = rng.integers(-8, 9, 2)
            padded = F.pad(image, (8, 8, 8, 8), mode="replicate")
            image = padded[:, :, 8 + dy:264 + dy, 8 + dx:264 + dx]
        if rng.random() < 0.5:
            gain = torch.from_numpy(rng.uniform(0.92, 1.08, (1, 3, 1, 1))).float()
            noise = torch.from_numpy(rng.standard_normal((1, 3, 32, 32))).float()
            image = image * gain + F.interpolate(noise, size=(256, 256), mode="bicubic") * 0.04
        out.append(image)
    return torch.cat(out).clamp(-1, 1)


class Run:
    """The judge in training: float32 weights, an exponential average, Adam."""

    def __init__(self, options):
        torch.manual_seed(options.seed)
        self.options, self.step = options, 0
        self.judge, self.average = Judge(), Judge()
        self.average.load_state_dict(self.judge.state_dict())
        self.weights = list(self.judge.parameters())
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=options.lr, betas=(0.9, 0.99), weight_decay=0.05, fused=True
        )
        self.images = open_images(options.data, "train")
        self.rows = read_rows(options.data, "train")
        self.path = f"{options.out}/state.pt"
        if os.path.exists(self.path):
            state = torch.load(self.path, weights_only=True)
            self.step = state["step"]
            self.judge.load_state_dict(state["judge"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            print(f"continues {self.path} at step {self.step}", flush=True)

    def save(self):
        """state.pt, replaced atomically."""
        save_atomically(
            dict(
                judge=self.judge.state_dict(), average=self.average.state_dict(),
                optimizer=self.optimizer.state_dict(), step=self.step,
            ),
            self.path,
        )

    def gradient(self, task):
        """(loss, gradients) of some scenes; runs in a worker thread."""
        picked, seed = task
        rng = np.random.default_rng(seed)
        x = disturb(to_input(self.images[picked]), rng)
        with autocast():
            output = self.judge(x)
        loss = loss_of(output.float(), truth([self.rows[i] for i in picked]))
        return loss.item(), torch.autograd.grad(loss, self.weights)

    def advance(self, pool):
        """One step on a batch drawn from the step's own seed; returns the loss."""
        options = self.options
        rng = np.random.default_rng([options.seed, self.step])
        picked = np.sort(rng.choice(len(self.rows), options.batch, replace=False))
        rng.shuffle(picked)
        parts = [
            (part, [options.seed, self.step, k])
            for k, part in enumerate(np.split(picked, options.batch // options.part))
        ]
        losses = average_gradients(pool, self.gradient, parts, self.weights)
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        cosine = 0.5 * (1 + math.cos(math.pi * self.step / options.steps))
        rate = options.lr * min(1, (self.step + 1) / 100) * (0.01 + 0.99 * cosine)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.step += 1
        decay = min(0.998, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), self.weights, 1 - decay)
        return sum(losses) / len(losses)


def train(options):
    """Trains for `--steps` batches, then writes the judge and its report."""
    os.makedirs(options.out, exist_ok=True)
    run, losses = Run(options), []
    images, rows = open_images(options.data, "val"), read_rows(options.data, "val")
    with ThreadPoolExecutor(options.workers) as pool:
        while run.step < options.steps:
            losses.append(run.advance(pool))
            if run.step % 50 == 0:
                mean = sum(losses) / len(losses)
                print(f"step {run.step} loss {mean:.4f}", flush=True)
                losses.clear()
            if run.step % 500 == 0:
                run.save()
                small = accuracy(run.average, images[:300], rows[:300], pool)
                print({k: round(v["accuracy"], 3) for k, v in small.items()}, flush=True)
        run.average.half().float()  # as it is exported
        report = accuracy(run.average, images[:HELD_OUT], rows[:HELD_OUT], pool)
    export(run.average, options.out, report)
    print(json.dumps(report, indent=1))


# ---------------------------------------------------------------- checking


def check(options):
    """Prints the exported judge's accuracy on held-out renders, through the VAE if one is given:
    an upper bound on the score of pictures made with this VAE."""
    images = open_images(options.data, "val")[:options.count]
    rows = read_rows(options.data, "val", options.count)
    with ThreadPoolExecutor(options.workers) as pool:
        if options.vae:
            images = reconstruct(load_vae(options.vae), images, pool)
        print_report(accuracy(load(options.out), images, rows, pool))


def load_vae(path):
    """A saved autoencoder, as float32."""
    from diffusers import AutoencoderKL

    return AutoencoderKL.from_pretrained(path, low_cpu_mem_usage=False).float().eval()


def reconstruct(vae, images, pool, part=4):
    """The images as the VAE reconstructs them, uint8."""
    import unet

    @torch.no_grad()
    def one(start):
        with autocast():
            z = vae.encode(to_input(images[start:start + part])).latent_dist.mode()
            return unet.decode(vae, z.float() * vae.config.scaling_factor)

    return np.concatenate(list(pool.map(one, range(0, len(images), part))))


# ---------------------------------------------------------------- scoring generated pictures


def told(attributes, caption):
    """The attributes that a full caption mentions: omitted ones are not scored."""
    row = json.loads(json.dumps(attributes))
    row["untold"] = [name for name in ("background", "celestial") if row[name] == "none"]
    for thing in row["objects"]:
        if thing["object"] == "snowman" and "scarf" not in caption:
            thing["untold colour"] = True
    return row


def told_truth(rows):
    """truth() of the mentioned attributes only."""
    target = truth(rows)
    for i, row in enumerate(rows):
        for name in row["untold"]:
            target[name][i] = -100
        for thing in row["objects"]:
            if thing.get("untold colour"):
                target["colour"][i, KINDS.index(thing["object"])] = -100
    return target


def generate(options, captions, pool):
    """One picture per caption: DDIM, the seed of picture i is `--seed` + i."""
    import unet
    from diffusers import DDIMScheduler

    net = unet.load(options.unet or f"{options.model}/unet").to(FAST_TYPE).eval()
    unet.use_plain_attention(net)
    vae = load_vae(options.vae or f"{options.model}/vae")
    text = options.text or f"{options.model}/text_encoder"
    prompts = unet.Prompts(text, f"{options.model}/tokenizer")
    schedule = DDIMScheduler.from_pretrained(f"{options.model}/scheduler")

    @torch.no_grad()
    def draw(start, part=4):
        texts = captions[start:start + part]
        latents = torch.stack([
            torch.randn(4, 32, 32, generator=torch.Generator().manual_seed(options.seed + i))
            for i in range(start, start + len(texts))
        ])
        latents = unet.sample(
            net, prompts, texts, schedule, latents, options.ddim, options.guidance
        )
        with autocast():
            return unet.decode(vae, latents)

    return np.concatenate(list(pool.map(draw, range(0, len(captions), 4))))


def score(options):
    """Generates pictures for the prompts and judges them."""
    with open(options.prompts) as file:
        items = json.load(file)["items"][:options.count]
    captions = [item["full_caption"] for item in items]
    rows = [told(item["attributes"], item["full_caption"]) for item in items]
    with ThreadPoolExecutor(options.workers) as pool:
        images = generate(options, captions, pool)
        report = summary(hits(look(load(options.out), images, pool), told_truth(rows)))
    if options.images:
        np.save(options.images, images)
    print_report(report)
    if options.report:
        with open(options.report, "w") as file:
            json.dump(report, file, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["train", "check", "score"])
    parser.add_argument("--data", default="work/data")
    parser.add_argument("--out", default="work/ckpt/judge")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    training = parser.add_argument_group("train")
    training.add_argument("--steps", type=int, default=4000)
    training.add_argument("--batch", type=int, default=32)
    training.add_argument("--part", type=int, default=8, help="pictures per gradient task")
    training.add_argument("--lr", type=float, default=2e-3)
    scoring = parser.add_argument_group("score and check")
    scoring.add_argument("--model", help="pipeline directory")
    scoring.add_argument("--unet", help="another U-Net than the pipeline's")
    scoring.add_argument("--text", help="another text encoder than the pipeline's")
    scoring.add_argument("--vae", help="another VAE than the pipeline's")
    scoring.add_argument("--prompts", help="JSON with full captions and attributes")
    scoring.add_argument("--count", type=int, default=200, help="prompts, or held-out renders")
    scoring.add_argument("--ddim", type=int, default=25, help="steps")
    scoring.add_argument("--guidance", type=float, default=5.0)
    scoring.add_argument("--report", help="write the scores to this JSON file")
    scoring.add_argument("--images", help="write the pictures to this .npy file")
    options = parser.parse_args()
    {"train": train, "check": check, "score": score}[options.what](options)


if __name__ == "__main__":
    main()
