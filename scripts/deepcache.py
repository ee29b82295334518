#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""DeepCache as published (Ma et al., arXiv 2312.00858) on the embedded model, next to fewer steps.

    scripts/deepcache.py [--prompts 32] [--cfg-scale 5] [--steps 20] [--seed 1000] > table.md

Every N-th call of the U-Net is a whole one; the others compute only the outermost down and up layers (`ring`
of them) and take what comes from below from the last whole call. PSNR of pictures (8-bit RGB) to the run
with all calls whole, and to the converged picture (199 steps), of DPM++ 2M; means with 95 % intervals.
A call's cost is its share of a whole call's operations. The forecast's rows to compare with are in
docs/merging.md: its prompts, seeds and guidance are this script's defaults. Needs torch and diffusers
(scripts/requirements.txt).
"""

import argparse
import pathlib

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
from torch.utils.flop_counter import FlopCounterMode

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONVERGED = 199
SETTINGS = [(2, 1), (2, 2), (2, 3), (3, 1), (5, 1)]


class LayeredUNet:
    """A U-Net as two lists of layers, of which the outer ones can be computed alone.

    Each of the first list returns a new hidden state, which is also a skip; each of the second takes one.
    """

    def __init__(self, unet):
        self.unet = unet
        self.down = [lambda h, *_: unet.conv_in(h)]
        for block in unet.down_blocks:
            for index in range(len(block.resnets)):
                self.down.append(lambda h, *given, b=block, i=index: self.layer(b, i, h, *given))
            for sampler in block.downsamplers or []:
                self.down.append(lambda h, *_, s=sampler: s(h))
        self.up = []
        for block in unet.up_blocks:
            for index in range(len(block.resnets)):
                is_last = index == len(block.resnets) - 1
                self.up.append(
                    lambda h, skip, *given, b=block, i=index, end=is_last: self.upsampled(
                        b, end, self.layer(b, i, torch.cat([h, skip], 1), *given)))
        self.arriving = []

    @staticmethod
    def layer(block, index, h, embedding, text):
        h = block.resnets[index](h, embedding)
        if getattr(block, "has_cross_attention", False):
            h = block.attentions[index](h, encoder_hidden_states=text).sample
        return h

    @staticmethod
    def upsampled(block, is_last, h):
        for sampler in block.upsamplers or [] if is_last else []:
            h = sampler(h)
        return h

    def __call__(self, x, timestep, text, ring=None):
        """The output; `ring` layers of either list are computed, all without it."""
        unet = self.unet
        given = unet.time_embedding(unet.time_proj(timestep.expand(len(x))).to(x.dtype)), text
        h, skips = x, []
        for layer in self.down[:ring]:
            h = layer(h, *given)
            skips.append(h)
        first = 0
        if ring is None:
            h = unet.mid_block(h, given[0], encoder_hidden_states=text)
            self.arriving = []
        else:
            first = len(self.up) - ring
            h = self.arriving[first]
        for layer in self.up[first:]:
            if ring is None:
                self.arriving.append(h)
            h = layer(h, skips.pop(), *given)
        return unet.conv_out(unet.conv_act(unet.conv_norm_out(h)))


class Sampler:
    def __init__(self, options):
        self.pipe = StableDiffusionPipeline.from_pretrained(options.model, safety_checker=None)
        self.unet = LayeredUNet(self.pipe.unet)
        self.scale = options.cfg_scale

    def texts(self, prompt):
        return torch.cat(self.pipe.encode_prompt(prompt, "cpu", 1, True)[::-1])

    def check(self):
        x, t, text = torch.randn(2, 4, 32, 32), torch.tensor(501), self.texts("a red house")
        expected = self.pipe.unet(x, t, encoder_hidden_states=text).sample
        error = (self.unet(x, t, text) - expected).norm() / expected.norm()
        assert error < 1e-5, f"the layers are not the U-Net's: {error}"
        return {ring: self.operations(x, t, text, ring) / self.operations(x, t, text, None) for ring in (1, 2, 3)}

    def operations(self, *call):
        with FlopCounterMode(display=False) as counter:
            self.unet(*call)
        return counter.get_total_flops()

    def picture(self, text, seed, steps, interval=1, ring=None):
        """Of 256 x 256 pixels, `[height, width, 3]`."""
        scheduler = DPMSolverMultistepScheduler.from_config(self.pipe.scheduler.config)
        scheduler.set_timesteps(steps)
        x = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(seed))
        x = x * scheduler.init_noise_sigma
        for index, t in enumerate(scheduler.timesteps):
            output = self.unet(torch.cat([x, x]), t, text, ring if index % interval else None)
            unconditional, conditional = output.chunk(2)
            x = scheduler.step(unconditional + self.scale * (conditional - unconditional), t, x).prev_sample
        rgb = self.pipe.vae.decode(x / self.pipe.vae.config.scaling_factor).sample[0]
        return ((rgb / 2 + 0.5).clamp(0, 1) * 255).round().permute(1, 2, 0).numpy().astype(np.float64)


def psnr(one, other):
    return 10 * np.log10(255**2 / max(np.mean((one - other) ** 2), 1e-9))


def cell(values):
    half = 1.96 * np.std(values, ddof=1) / len(values) ** 0.5
    return f"{np.mean(values):.1f} ± {half:.1f} ({np.min(values):.1f})"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=ROOT / "Sources/EmbeddedModel/Resources/postcards", type=pathlib.Path)
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--cfg-scale", type=float, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1000)
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    sampler = Sampler(options)
    shares = sampler.check()
    lines = (ROOT / "scripts/validation-prompts.txt").read_text().splitlines()
    prompts = [line for line in lines if line and not line.startswith("#")][:options.prompts]

    rows = {f"{options.steps} steps": (options.steps, options.steps, {})}
    for interval, ring in SETTINGS:
        whole = -(-options.steps // interval)
        calls = whole + (options.steps - whole) * shares[ring]
        rows[f"DeepCache, N = {interval}, ring of {ring}"] = (
            options.steps, calls, {"interval": interval, "ring": ring})
    for steps in sorted({round(calls) for _, calls, _ in rows.values()} - {options.steps}, reverse=True):
        rows[f"{steps} steps instead"] = (steps, steps, {})
    own = {name: [] for name in rows}
    converged = {name: [] for name in rows}
    for index, prompt in enumerate(prompts):
        text, seed = sampler.texts(prompt), options.seed + index
        goal = sampler.picture(text, seed, CONVERGED)
        whole = None
        for name, (steps, _, call) in rows.items():
            picture = sampler.picture(text, seed, steps, **call)
            whole = picture if whole is None else whole
            own[name].append(psnr(picture, whole))
            converged[name].append(psnr(picture, goal))
    print("| run | calls | to its own run, dB | to converged, dB |")
    print("| --- | ---: | ---: | ---: |")
    for name, (_, calls, _) in rows.items():
        to_own = "–" if name == f"{options.steps} steps" else cell(own[name])
        print(f"| {name} | {calls:.1f} | {to_own} | {cell(converged[name])} |")


if __name__ == "__main__":
    main()
