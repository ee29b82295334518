#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the U-Net on cached VAE latents, with captions generated anew for every sample.

    python scripts/train/train_unet.py --size 128 --out work/ckpt/unet128 --horizon 70000
    python scripts/train/train_unet.py --unet work/ckpt/unet128/export  # full-size scenes
    python scripts/train/train_unet.py --init DIR                # from an exported pipeline

Inputs: `--data` with lat_{train,val}_<size>.npy and {train,val}.jsonl; `--text`, `--tokenizer`
and `--vae`, by default those of the pipeline `--init` or else of work/ckpt.
Outputs in `--out`: state.pt (float32 weights, EMA, Adam moments, sample count; replaced
atomically every `--every` minutes), export/ (the EMA as a diffusers U-Net in float16),
preview_*.png, log.jsonl. An existing state.pt is always continued, so one command both
starts and resumes.

Made to be interrupted. Schedules count samples, never time, and every random draw depends only
on the seed and the sample count, so stopping changes nothing. Signals: SIGTERM or SIGINT saves,
exports and ends; SIGUSR1 starts the final descent of the learning rate to zero over `--anneal`
samples, after which the run ends; SIGSTOP and SIGCONT pause it.

The network runs in bfloat16 where the processor has it, master weights are float32. Each of
`--workers` threads computes the gradient of small parts of the batch on one core: 1.4x faster than
one part on two cores, and a core that is preempted delays only its own share.
"""
import argparse
import copy
import json
import math
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("OMP_NUM_THREADS", "1")  # parallelism comes from the workers

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image

import scene
import unet
from common import (
    FAST_TYPE, autocast, average_gradients, keep_freed_memory, read_rows, save_atomically,
)

PROBE_TIMESTEPS = (50, 200, 400, 600, 800, 950)
PREVIEW = [
    "a red house beside a pine tree in a snowy field at night under a full moon",
    "a blue car in a sandy desert at sunset",
    "a yellow sailboat by the sea on a clear day with mountains in the background",
    "a pink hot air balloon over a green meadow with rolling hills behind under a blue sky",
    "a white lighthouse on the left on a beach at dawn",
    "a snowman with a green scarf in the snow on an overcast day",
    "a purple tent by a lake under a starry sky with a crescent moon",
    "a cactus on the right in the desert with the sun shining",
    "an orange tree on the left and a blue house on the right in a green meadow with a rainbow",
    "a palm tree and a red car on a beach at sunset",
    "a green windmill in a meadow with white clouds and mountains",
    "pink flowers in a green meadow under the sun",
]


def named(row, names):
    """How many of `names` (kinds of objects, celestial bodies) a scene shows, with repetitions."""
    shown = [row["celestial"], *(thing["object"] for thing in row["objects"])]
    return sum(names.count(name) for name in shown)


class Data:
    """Latents and captions; sample number n is the same in every run with the same seed."""

    def __init__(self, options):
        path = f"{options.data}/lat_{{}}_{options.size}.npy"
        self.latents = torch.from_numpy(np.load(path.format("train")))
        self.rows = read_rows(options.data, "train", len(self.latents))
        self.val_latents = torch.from_numpy(np.load(path.format("val"))[:96]).float()
        self.val_captions = [row["captions"][0] for row in read_rows(options.data, "val", 96)]
        self.seed, self.full, self.empty = options.seed, options.full, options.empty
        self.scenes = [
            i for i, row in enumerate(self.rows) for _ in range(1 + named(row, options.again))
        ]
        self.epoch, self.order = None, None

    def index(self, n):
        """The scene of sample n: every one of `scenes` once per epoch, shuffled anew."""
        epoch, i = divmod(n, len(self.scenes))
        if epoch != self.epoch:
            rng = np.random.default_rng([self.seed, epoch])
            self.epoch, self.order = epoch, rng.permutation(self.scenes)
        return int(self.order[i])

    def batch(self, n, size):
        """Samples [n, n + size): clean latents and captions."""
        draw = random.Random(f"{self.seed} {n}")
        picked = [self.index(n + i) for i in range(size)]
        captions = []
        for i in picked:
            if draw.random() < self.empty:
                captions.append("")
            else:
                captions.append(scene.caption(self.rows[i], draw, draw.random() < self.full))
        return self.latents[picked].float(), captions


class Schedule:
    """Learning rate by samples seen: warm-up, cosine to `final`, and on request a last descent."""

    def __init__(self, options, start):
        self.peak, self.final, self.horizon = options.lr, options.final, options.horizon
        self.warmup, self.anneal = options.warmup, options.anneal
        self.start, self.anneal_from, self.anneal_lr = start, None, None

    def rate(self, n):
        """The learning rate at sample n."""
        if self.anneal_from is not None:
            return self.anneal_lr * max(0.0, 1 - (n - self.anneal_from) / self.anneal)
        seen = n - self.start
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, seen / self.horizon)))
        return self.peak * min(1, seen / self.warmup) * (self.final + (1 - self.final) * cosine)

    def begin_anneal(self, n):
        """Starts the descent at sample n; a second request changes nothing."""
        if self.anneal_from is None:
            self.anneal_lr, self.anneal_from = self.rate(n), n

    def finished(self, n):
        """Whether the descent has reached zero."""
        return self.anneal_from is not None and n >= self.anneal_from + self.anneal

    def state(self):
        """What a resumed run needs to continue the same schedule."""
        return {k: getattr(self, k) for k in ("start", "anneal_from", "anneal_lr")}


class Trainer:
    """Network, master weights, EMA and optimizer, and one step over them."""

    def __init__(self, options, data, prompts):
        self.options, self.data, self.prompts = options, data, prompts
        self.schedule = unet.noise_schedule(options.prediction)
        weight = unet.loss_weights(self.schedule, options.floor)
        # Timesteps are drawn in proportion to their weight: the same expected gradient as
        # weighting the loss, with less variance.
        self.mean_weight = float(weight.mean())
        self.cumulative = torch.cumsum(weight / weight.sum(), 0)
        state = self.initial_state()
        self.samples = state["samples"]
        self.master = state["net"]
        unet.use_plain_attention(self.master)
        self.ema = copy.deepcopy(self.master)
        if "ema" in state:
            self.ema.load_state_dict(state["ema"])
        self.net = copy.deepcopy(self.master).to(FAST_TYPE)
        self.weights = list(self.master.parameters())
        self.net_weights = list(self.net.parameters())
        self.ema_weights = list(self.ema.parameters())
        self.pool = ThreadPoolExecutor(options.workers)
        self.shares = self.split_weights(options.workers)
        self.optimizers = [
            torch.optim.AdamW(
                [self.weights[i] for i in share], lr=options.lr, betas=(0.9, 0.99),
                weight_decay=0.01, fused=True,
            )
            for share in self.shares
        ]
        self.rate = Schedule(options, self.samples)
        if "moments" in state:
            self.load_moments(state["moments"])
            if not options.restart:
                vars(self.rate).update(state["schedule"])

    def initial_state(self):
        """The saved state if there is one, else the exported weights, else fresh ones."""
        options, path = self.options, f"{self.options.out}/state.pt"
        if os.path.exists(path):
            state = torch.load(path, weights_only=True)
            assert state["prediction"] == options.prediction, "state.pt has another prediction type"
            state["net"] = unet.build()
            state["net"].load_state_dict(state.pop("model"))
            print(f"continues {path} from {state['samples']} samples", flush=True)
            return state
        if options.unet:
            return {"net": unet.load(options.unet), "samples": 0}
        torch.manual_seed(options.seed)
        return {"net": unet.build(), "samples": 0}

    def split_weights(self, count):
        """Indices of the weights in `count` shares of about the same size, one per worker."""
        shares, sizes = [[] for _ in range(count)], [0] * count
        for i in sorted(range(len(self.weights)), key=lambda i: -self.weights[i].numel()):
            smallest = sizes.index(min(sizes))
            shares[smallest].append(i)
            sizes[smallest] += self.weights[i].numel()
        return shares

    def moments(self):
        """Adam's state per weight, independent of how the weights are shared out."""
        out = {}
        for share, optimizer in zip(self.shares, self.optimizers):
            out.update({i: optimizer.state[self.weights[i]] for i in share})
        return out

    def load_moments(self, moments):
        """The inverse of moments()."""
        for share, optimizer in zip(self.shares, self.optimizers):
            for i in share:
                optimizer.state[self.weights[i]] = moments[i]

    def gradient(self, part):
        """(loss, gradients) of one part of the batch; runs in a worker thread."""
        clean, noise, t, captions = part
        noisy, target = unet.targets(self.schedule, clean, noise, t)
        states = self.prompts(captions)
        output = self.net(noisy.to(FAST_TYPE), t, states, return_dict=False)[0].float()
        loss = (output - target).pow(2).mean() * self.mean_weight
        return loss.item(), torch.autograd.grad(loss, self.net_weights)

    def parts(self):
        """The next batch, cut into parts; timesteps are stratified over the whole batch."""
        size, part = self.options.batch, self.options.part
        generator = torch.Generator().manual_seed(self.options.seed * 1_000_003 + self.samples)
        clean, captions = self.data.batch(self.samples, size)
        noise = torch.randn(clean.shape, generator=generator)
        slots = torch.randperm(size, generator=generator)
        place = (slots + torch.rand(size, generator=generator)) / size
        t = torch.searchsorted(self.cumulative, place).clamp(max=len(self.cumulative) - 1)
        return [
            (clean[i:i + part], noise[i:i + part], t[i:i + part], captions[i:i + part])
            for i in range(0, size, part)
        ]

    def step(self):
        """One optimizer step; returns the batch's mean loss."""
        parts = self.parts()
        losses = average_gradients(self.pool, self.gradient, parts, self.weights)
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.samples += self.options.batch
        rate = self.rate.rate(self.samples)
        list(self.pool.map(lambda k: self.update(k, rate), range(len(self.shares))))
        return sum(losses) / len(losses)

    @torch.no_grad()
    def update(self, k, rate):
        """Adam and EMA on share k of the weights."""
        optimizer, share = self.optimizers[k], self.shares[k]
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        weights = [self.weights[i] for i in share]
        torch._foreach_copy_([self.net_weights[i] for i in share], weights)
        torch._foreach_lerp_([self.ema_weights[i] for i in share], weights, 1 - self.options.ema)

    def save(self):
        """state.pt to resume from, export/ to sample from."""
        state = dict(
            model=self.master.state_dict(), ema=self.ema.state_dict(), moments=self.moments(),
            samples=self.samples, prediction=self.options.prediction, schedule=self.rate.state(),
        )
        save_atomically(state, f"{self.options.out}/state.pt")
        unet.export(self.ema, f"{self.options.out}/export")


def probe(trainer, net):
    """Mean squared error of the predicted clean validation latents at a few timesteps."""
    latents, captions = trainer.data.val_latents, trainer.data.val_captions

    @torch.no_grad()  # the mode belongs to the thread
    def at(t):
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(t))
        times = torch.full((len(latents),), t)
        noisy, _ = unet.targets(trainer.schedule, latents, noise, times)
        error = 0.0
        for i in range(0, len(latents), 16):
            states = trainer.prompts(captions[i:i + 16])
            x = noisy[i:i + 16]
            output = net(x.to(FAST_TYPE), times[i:i + 16], states, return_dict=False)[0].float()
            clean = unet.predicted_clean(trainer.schedule, x, output, t)
            error += float((clean - latents[i:i + 16]).pow(2).sum())
        return round(error / latents.numel(), 4)

    return list(trainer.pool.map(at, PROBE_TIMESTEPS))


def preview(trainer, net, vae, path):
    """A grid of six columns, one picture per PREVIEW prompt."""
    side = trainer.options.size

    @torch.no_grad()
    def draw(i):
        x = torch.randn(4, 4, side // 8, side // 8, generator=torch.Generator().manual_seed(i))
        captions = PREVIEW[i:i + 4]
        x = unet.sample(net, trainer.prompts, captions, trainer.schedule, x)
        with autocast():
            return unet.decode(vae, x)

    images = np.concatenate(list(trainer.pool.map(draw, range(0, len(PREVIEW), 4))))
    grid = images.reshape(-1, 6, side, side, 3).transpose(0, 2, 1, 3, 4)
    Image.fromarray(grid.reshape(-1, 6 * side, 3)).save(path)


def report(trainer, vae, log):
    """Probes the EMA and draws the preview grid."""
    net = copy.deepcopy(trainer.ema).to(FAST_TYPE).eval()
    log(ema_error=probe(trainer, net))
    preview(trainer, net, vae, f"{trainer.options.out}/preview_{trainer.samples:07d}.png")


def train(options):
    """Steps until the descent of the learning rate is over or a signal ends the run."""
    os.makedirs(options.out, exist_ok=True)
    requests = {"stop": False, "anneal": False}
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: requests.update(stop=True))
    signal.signal(signal.SIGUSR1, lambda *_: requests.update(anneal=True))
    data = Data(options)
    trainer = Trainer(options, data, unet.Prompts(options.text, options.tokenizer))
    vae = AutoencoderKL.from_pretrained(options.vae, low_cpu_mem_usage=False).eval()
    start, first, saved, losses = time.time(), trainer.samples, time.time(), []
    with open(f"{options.out}/log.jsonl", "a") as file:
        def log(**values):
            line = dict(samples=trainer.samples, seconds=round(time.time() - start), **values)
            print(json.dumps(line), flush=True)
            print(json.dumps(line), file=file, flush=True)

        log(scenes=len(data.rows), options=vars(options))
        while not requests["stop"] and not trainer.rate.finished(trainer.samples):
            losses.append(trainer.step())
            if requests["anneal"] or trainer.samples - trainer.rate.start >= options.horizon:
                trainer.rate.begin_anneal(trainer.samples)
            if len(losses) == 100:
                speed = (trainer.samples - first) / (time.time() - start)
                rate = trainer.rate.rate(trainer.samples)
                log(loss=round(sum(losses) / 100, 4), per_s=round(speed, 1), lr=round(rate, 7))
                losses.clear()
            if time.time() - saved > options.every * 60:
                trainer.save()
                report(trainer, vae, log)
                saved = time.time()
        trainer.save()
        report(trainer, vae, log)
        log(ended="stopped" if requests["stop"] else "annealed")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    work = "work/ckpt"
    parser.add_argument("--data", default="work/data")
    parser.add_argument("--out", default=f"{work}/unet")
    parser.add_argument("--init", default="", help="start from this exported pipeline's directory")
    parser.add_argument("--unet", default="", help="start from this exported U-Net")
    parser.add_argument("--vae", default="", help="for previews only")
    parser.add_argument("--text", default="", help="CLIPModel or text encoder")
    parser.add_argument("--tokenizer", default="")
    parser.add_argument("--prediction", default="v_prediction", choices=["epsilon", "v_prediction"])
    parser.add_argument("--size", type=int, default=256, choices=[128, 256], help="pixels")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--part", type=int, default=8, help="samples per gradient task")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--final", type=float, default=0.2, help="the cosine's end, of --lr")
    parser.add_argument("--warmup", type=int, default=9600, help="samples")
    parser.add_argument("--restart", action="store_true", help="start the rate's schedule again")
    parser.add_argument("--horizon", type=int, default=300000, help="samples of the cosine")
    parser.add_argument("--anneal", type=int, default=24000, help="samples of the last descent")
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--floor", type=float, default=0.5, help="of the min-SNR weight")
    parser.add_argument("--full", type=float, default=0.5, help="captions that name everything")
    parser.add_argument("--empty", type=float, default=0.1, help="captions left empty")
    parser.add_argument(
        "--again", nargs="*", default=[], metavar="NAME",
        help="hard objects and celestial bodies: a scene comes once more for each time one is named",
    )
    parser.add_argument("--every", type=float, default=10, help="minutes between checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    assert options.batch % options.part == 0, "--batch must be a multiple of --part"
    given = dict(vae=f"{work}/vae_final", tokenizer=f"{work}/tokenizer", text=f"{work}/tower")
    if options.init:
        given = {name: f"{options.init}/{name}" for name in ("unet", "vae", "tokenizer")}
        given["text"] = f"{options.init}/text_encoder"
    for name, path in given.items():
        setattr(options, name, getattr(options, name) or path)
    return options


if __name__ == "__main__":
    keep_freed_memory()
    train(parse_options())
