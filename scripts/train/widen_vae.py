#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Widens a trained AutoencoderKL without changing what it computes.

    python scripts/train/widen_vae.py --init DIR/vae --channels 16 32 64 128 --out work/ckpt/wide

Net2Wider (Chen et al. 2016): every channel of a doubled level appears twice, side by side, so
GroupNorm sees the same groups; readers of a doubled channel read each copy with half the weight.
The halves differ by a little (`--split`), otherwise their gradients would stay the same forever. Output:
an AutoencoderKL to train further with train_vae.py. Prints by how much reconstructions changed.
"""
import argparse

import torch
from diffusers import AutoencoderKL

from common import edit_config
from vae_measure import load


def halves(weight, axis, times, split, generator):
    """Repeats `axis`; the copies' weights add up to the old ones."""
    if times == 1:
        return weight
    wide = weight.repeat_interleave(times, axis) / times
    shape = list(weight.shape)
    shape[axis:axis + 1] = [shape[axis], times]
    noise = torch.randn(shape, generator=generator)
    noise = (noise - noise.mean(axis + 1, keepdim=True)).flatten(axis, axis + 1)
    return wide * (1 + split * noise)


@torch.no_grad()
def widen(old, new, split, generator):
    """Fills the weights of `new` from those of `old`."""
    small, wide = old.state_dict(), new.state_dict()
    for name, weight in small.items():
        target = wide[name]
        out_times = target.shape[0] // weight.shape[0]
        if weight.dim() > 1:
            in_times = target.shape[1] // weight.shape[1]
            weight = halves(weight, 1, in_times, split, generator)
        weight = weight.repeat_interleave(out_times, 0)
        if ".to_q." in name or ".to_k." in name:  # one head: its scale is 1 / sqrt(channels)
            weight = weight / out_times**0.25
        target.copy_(weight)
    for name in wide.keys() - small.keys():  # shortcuts that were the identity
        target = wide[name].zero_()
        if name.endswith("weight"):
            out, into = target.shape[:2]
            size = max(out, into)
            for k in range(size):
                target[k * out // size, k * into // size] = min(1, out / into)
    new.load_state_dict(wide)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--init", required=True, help="the autoencoder to widen")
    parser.add_argument("--channels", type=int, nargs=4, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--split", type=float, default=0.3, help="how much the copies differ")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator = torch.Generator().manual_seed(options.seed)
    old = load(options.init).eval()
    config = dict(old.config) | {"block_out_channels": options.channels}
    new = AutoencoderKL.from_config(config).eval()
    widen(old, new, options.split, generator)
    x = torch.rand(1, 3, 256, 256, generator=generator) * 2 - 1
    with torch.no_grad():
        z, wide_z = old.encode(x).latent_dist.mode(), new.encode(x).latent_dist.mode()
        y, wide_y = old.decode(z).sample, new.decode(z).sample
    print(f"latents {(z - wide_z).abs().max():.2g}, pictures {(y - wide_y).abs().max():.2g}")
    new.save_pretrained(options.out)
    edit_config(options.out)


if __name__ == "__main__":
    main()
