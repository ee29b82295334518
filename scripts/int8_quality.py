#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What int8 products would do to the embedded model's pictures, simulated in PyTorch.

    scripts/int8_quality.py [--images 4] [--size 256]

Weights are rounded to int8 per output channel; inputs of products are rounded to int8 per token in
linear layers and per picture in 3×3 convolutions (a scale per pixel would not factor out of
the sum over taps). Attention is unchanged. Prints the PSNR to the f32 picture for each choice of
layers, and that of bf16 for comparison. Needs scripts/requirements.txt.
"""

import argparse
import pathlib

import numpy
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

POSTCARDS = (
    pathlib.Path(__file__).resolve().parent.parent / "Sources/EmbeddedModel/Resources/postcards")
PROMPTS = [
    "a red house in the snow, starry sky",
    "a blue car beside a pine tree in a green field by day",
    "a yellow boat on the sea at sunset",
    "a white house beside a palm tree on a beach under a full moon",
]
# First and last layers and everything that sees only the time step: little work, large effect.
SENSITIVE = ("conv_in", "conv_out", "time_embedding", "time_emb_proj")


def rounded(values, dimensions):
    """Values rounded to the 255 steps of int8, scaled by the largest magnitude over `dimensions`."""
    scale = values.abs().amax(dim=dimensions, keepdim=True).clamp_min(1e-12) / 127
    return (values / scale).round() * scale


def bfloat16(values):
    return values.to(torch.bfloat16).to(torch.float32)


def linear_input(values):
    return rounded(values, -1)


def convolution_input(values):
    return rounded(values, (1, 2, 3))


def prepare(unet, linear, convolution):
    """Rounds weights and inputs of the layers selected by `linear` and `convolution`."""
    for name, module in unet.named_modules():
        is_linear = isinstance(module, torch.nn.Linear)
        if not is_linear and not isinstance(module, torch.nn.Conv2d):
            continue
        kind = linear if is_linear else convolution
        if kind == "int8" and not name.startswith(SENSITIVE) and "time_emb_proj" not in name:
            others = tuple(range(1, module.weight.ndim))
            module.weight.data = rounded(module.weight.data, others)
            change = linear_input if is_linear else convolution_input
        elif kind == "f32":
            continue
        else:
            module.weight.data = bfloat16(module.weight.data)
            change = bfloat16
        module.register_forward_pre_hook(lambda _, inputs, change=change: (change(inputs[0]),))


def draw(options, linear="f32", convolution="f32"):
    pipeline = StableDiffusionPipeline.from_pretrained(POSTCARDS, safety_checker=None)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    prepare(pipeline.unet, linear, convolution)
    pictures = []
    for seed in range(options.images):
        pictures.append(pipeline(
            PROMPTS[seed % len(PROMPTS)], height=options.size, width=options.size,
            num_inference_steps=25, guidance_scale=5, output_type="np",
            generator=torch.Generator().manual_seed(seed)).images[0])
    return pictures


def decibels(found, expected):
    return -10 * numpy.log10(numpy.mean((found - expected) ** 2))


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--size", type=int, default=256)
    options = parser.parse_args()
    exact = draw(options)
    print("| linear layers | convolutions | PSNR to f32, dB: mean | least |")
    print("| --- | --- | ---: | ---: |")
    for linear, convolution in [("bf16", "bf16"), ("int8", "bf16"), ("int8", "int8")]:
        values = [
            decibels(*pair) for pair in zip(draw(options, linear, convolution), exact)]
        print(f"| {linear} | {convolution} | {numpy.mean(values):.1f} | {min(values):.1f} |",
              flush=True)


if __name__ == "__main__":
    main()
