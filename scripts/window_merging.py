#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What separates windows of merged tokens (ReToM) from ToMeSD when all layers merge: one change at a time.

    scripts/window_merging.py [--prompts 24] [--only NAME ...] > table.md

Embedded model, 25 DDIM steps, guidance 5; PSNR of pictures (8-bit RGB) to the unmerged picture and its
paired difference to ToMeSD's, both with 95 % intervals by Student's t. The prompts, seeds and settings are
those of scripts/merging-quality, whose rows for ToMeSD and ReToM in all layers these must equal within
their intervals. Plans are written anew here, on dense tensors. Needs torch, diffusers and scipy
(scripts/requirements.txt).
"""

import argparse
import dataclasses
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, StableDiffusionPipeline
from diffusers.models.attention import BasicTransformerBlock
from scipy import stats

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIDE = 32


@dataclasses.dataclass(frozen=True)
class Setting:
    """One way to merge; the defaults are ReToM's as in the paper."""

    ratio: float = 0.5
    period: int = 5
    # Side of the windows; twice the map's downsampling if None.
    window: int | None = None
    # "representative" or "random": the token of a window that receives others.
    destination: str = "representative"
    # Whether a source may choose among the destinations of the whole map, not only its window's.
    searches_map: bool = False
    # Whether the best sources of the whole map merge, not the best of each window.
    budgets_map: bool = False
    # Whether sources are ranked by similarity to the destination, not by average similarity.
    ranks_by_destination: bool = False
    # Whether similarities are of the block's input, not of attention's.
    compares_hidden_states: bool = False
    # Whether both guided halves share a plan.
    shares: bool = True
    shifts: bool = False
    keys_only: bool = False
    proportional: bool = False
    # Whether a call that makes plans does not merge, and what merging would have changed in it is
    # added to the merged outputs of the calls that follow.
    corrects: bool = False


class Plan:
    """Which merged row each token belongs to: kept tokens first, then a row per destination."""

    def __init__(self, features, side, setting, index, generator):
        """`features` is `[halves, pictures, tokens, channels]`."""
        halves, pictures, count, _ = features.shape
        windows = self.windows(count, side, side // 2 if setting.shifts and index % 2 else 0)
        samples = features.transpose(0, 1) if setting.shares else features.flatten(0, 1)[:, None]
        unit = F.normalize(samples, dim=-1)  # [plans, samples, tokens, channels]
        plans = len(unit)
        grouped = unit[:, :, windows]
        average = (grouped * grouped.sum(-2, keepdim=True)).sum(-1).sum(1)
        if setting.destination == "random":
            place = torch.randint(windows.shape[1], (pictures, len(windows)), generator=generator)
            place = place.repeat(plans // pictures, 1)
        else:
            place = average.argmax(-1)
        destinations = windows.expand(plans, -1, -1).gather(2, place[..., None])[..., 0]
        owner = torch.empty(count, dtype=torch.long)
        owner[windows] = torch.arange(len(windows))[:, None]
        receivers = unit.gather(
            2, destinations[:, None, :, None].expand(-1, unit.shape[1], -1, unit.shape[3]))
        similarity = (unit @ receivers.transpose(2, 3)).sum(1)  # [plans, tokens, windows]
        if not setting.searches_map:
            similarity[:, owner[:, None] != torch.arange(len(windows))] = -torch.inf
        score, target = similarity.max(-1)
        if not (setting.ranks_by_destination or setting.searches_map):
            score[:, windows] = average
        score.scatter_(1, destinations, -torch.inf)
        if setting.budgets_map:
            sources = score.topk(int(count * setting.ratio)).indices
        else:
            size = windows.shape[1]
            best = score[:, windows].topk(min(int(size * setting.ratio), size - 1)).indices
            sources = windows.expand(plans, -1, -1).gather(2, best).flatten(1)
        is_source = torch.zeros(plans, count, dtype=torch.bool).scatter_(1, sources, True)
        own = torch.full((plans, count), -1).scatter_(
            1, destinations, torch.arange(len(windows)).expand(plans, -1))
        is_kept = ~is_source & (own < 0)
        kept = count - sources.shape[1] - len(windows)
        rows = torch.where(own < 0, target, own) + kept
        rows = torch.where(is_kept, is_kept.cumsum(1) - 1, rows)
        if setting.shares:
            rows = rows.repeat(halves, 1)
        self.rows = rows
        ones = torch.ones(rows.shape)
        self.counts = torch.zeros(len(rows), kept + len(windows)).scatter_add_(1, rows, ones)

    @staticmethod
    def windows(count, side, shift):
        """`[windows, tokens]`, of a map that is moved cyclically."""
        width = int(count**0.5)
        tokens = torch.arange(count).reshape(width, width).roll((-shift, -shift), (0, 1))
        cells = tokens.reshape(width // side, side, width // side, side)
        return cells.transpose(1, 2).reshape(-1, side * side)

    def merge(self, x):
        sums = torch.zeros(*self.counts.shape, x.shape[2])
        return sums.scatter_add_(1, self.index(x), x) / self.counts[..., None]

    def unmerge(self, x):
        return x.gather(1, self.index(x))

    def index(self, x):
        return self.rows[..., None].expand(-1, -1, x.shape[2])


class MergedAttention:
    """Takes the place of a block's self-attention."""

    def __init__(self, block, sampler):
        self.attention, self.sampler = block.attn1, sampler
        block.register_forward_pre_hook(self.see, with_kwargs=True)
        block.attn1.forward = self.forward

    def see(self, _, inputs, named):
        self.hidden = inputs[0] if inputs else named["hidden_states"]

    def reset(self):
        self.plan, self.plan_count = None, 0

    def attend(self, x, context, bias=None):
        def heads(values):
            return values.unflatten(-1, (self.attention.heads, -1)).transpose(1, 2)

        layer = self.attention
        result = F.scaled_dot_product_attention(
            heads(layer.to_q(x)), heads(layer.to_k(context)), heads(layer.to_v(context)), bias)
        return layer.to_out[0](result.transpose(1, 2).flatten(2))

    def forward(self, x, **_):
        setting = self.sampler.setting
        if setting is None:
            return self.attend(x, x)
        is_due = self.sampler.call % setting.period == 0
        if is_due:
            features = self.hidden if setting.compares_hidden_states else x
            width = int(x.shape[1] ** 0.5)
            side = min(setting.window or 2 * SIDE // width, width)
            self.plan = Plan(
                features.unflatten(0, (2, -1)), side, setting, self.plan_count, self.sampler.generator)
            self.plan_count += 1
        merged = self.plan.merge(x)
        bias = self.plan.counts.log()[:, None, None] if setting.proportional else None
        if setting.keys_only:
            result = self.attend(x, merged, bias)
        else:
            result = self.plan.unmerge(self.attend(merged, merged, bias))
        if setting.corrects:
            if is_due:
                self.correction = self.attend(x, x) - result
            result = result + self.correction
        return result


class Sampler:
    def __init__(self, options):
        self.pipe = StableDiffusionPipeline.from_pretrained(options.model, safety_checker=None)
        self.options, self.setting = options, None
        blocks = [m for m in self.pipe.unet.modules() if isinstance(m, BasicTransformerBlock)]
        self.layers = [MergedAttention(block, self) for block in blocks]

    def pictures(self, prompts, first, setting):
        """Of 256 x 256 pixels, `[pictures, 3, height, width]`."""
        self.setting = setting
        self.generator = torch.Generator().manual_seed(first)
        for layer in self.layers:
            layer.reset()
        encoded = [self.pipe.encode_prompt(prompt, "cpu", 1, True) for prompt in prompts]
        text = torch.cat([negative for _, negative in encoded] + [positive for positive, _ in encoded])
        x = torch.cat([
            torch.randn(1, 4, SIDE, SIDE, generator=torch.Generator().manual_seed(first + index))
            for index in range(len(prompts))])
        scheduler = DDIMScheduler.from_config(self.pipe.scheduler.config)
        scheduler.set_timesteps(self.options.steps)
        for self.call, t in enumerate(scheduler.timesteps):
            output = self.pipe.unet(torch.cat([x, x]), t, encoder_hidden_states=text).sample
            unconditional, conditional = output.chunk(2)
            output = unconditional + self.options.cfg_scale * (conditional - unconditional)
            x = scheduler.step(output, t, x).prev_sample
        rgb = self.pipe.vae.decode(x / self.pipe.vae.config.scaling_factor).sample
        return ((rgb / 2 + 0.5).clamp(0, 1) * 255).round().double()


def psnr(pictures, others):
    return 10 * torch.log10(255**2 / (pictures - others).square().mean((1, 2, 3)).clamp(min=1e-9))


def cell(values, sign=""):
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    return f"{np.mean(values):{sign}.1f} ± {half:.1f}"


TOMESD = Setting(
    period=1, window=2, destination="random", searches_map=True, budgets_map=True,
    compares_hidden_states=True, shares=False)
MAP = Setting(window=2, budgets_map=True, ranks_by_destination=True)
KEYS = Setting(keys_only=True, proportional=True)
change = dataclasses.replace
SETTINGS = {
    "ToMeSD, plans kept for 5 calls": change(TOMESD, period=5),
    "ReToM (profile paper)": Setting(),
    "… ranked by similarity to the destination, budget of the map": change(MAP, window=None),
    "ReToM, windows of 2": Setting(window=2),
    "… ranked by similarity to the destination": Setting(window=2, ranks_by_destination=True),
    "… and budget of the map": MAP,
    "… … and shifted windows": change(MAP, shifts=True),
    "… … and proportional attention": change(MAP, proportional=True),
    "… … and both": change(MAP, shifts=True, proportional=True),
    "… … and corrected, R = 0.625 in four calls of five": change(MAP, ratio=0.625, corrects=True),
    "ReToM, keys and values only, proportional attention": KEYS,
    "… R = 0.75": change(KEYS, ratio=0.75),
    "… R = 0.5, windows of 2, budget of the map": change(MAP, keys_only=True, proportional=True),
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=ROOT / "Sources/EmbeddedModel/Resources/postcards", type=pathlib.Path)
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--only", nargs="*", help="names of rows")
    parser.add_argument("--cfg-scale", type=float, default=5)
    parser.add_argument("--steps", type=int, default=25)
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    sampler = Sampler(options)
    lines = (ROOT / "scripts/validation-prompts.txt").read_text().splitlines()
    prompts = [line for line in lines if line and not line.startswith("#")][:options.prompts]
    names = [name for name in SETTINGS if not options.only or name in options.only]
    found = {name: [] for name in ["ToMeSD"] + names}
    # As many at once as the caches of a processor like.
    for first in range(0, len(prompts), 8):
        some = prompts[first:first + 8]
        unmerged = sampler.pictures(some, first, None)
        for name in found:
            found[name] += psnr(sampler.pictures(some, first, SETTINGS.get(name, TOMESD)), unmerged).tolist()
    print("| change | PSNR, dB | to ToMeSD, dB |")
    print("| --- | ---: | ---: |")
    for name, values in found.items():
        difference = np.subtract(values, found["ToMeSD"])
        print(f"| {name} | {cell(values)} | {cell(difference, '+') if difference.any() else ''} |")


if __name__ == "__main__":
    main()
