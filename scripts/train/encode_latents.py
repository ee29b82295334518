#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Caches the VAE's latents of the rendered scenes: training the U-Net never runs the encoder.

    python scripts/train/encode_latents.py --vae work/ckpt/vae_final --count 40000

Inputs: `--data` with {train,val}.u8 from render.py, and a trained AutoencoderKL at `--vae`.
Outputs: `--data`/lat_{train,val}_<size>.npy, float16, N x 4 x size/8 x size/8: the posterior mean
times the scaling factor. With `--size 128` the scenes are halved first (the U-Net's first stage).

One single-threaded process per core and batches of eight are twice as fast here as one process
with two threads and batches of 32: a feature map of 256x256 then stays in the cache of its core.
"""
import argparse
import multiprocessing
import os
import time

import numpy as np
import torch
from diffusers import AutoencoderKL

from common import FAST_TYPE, SIZE, open_images

BATCH = 8
CHUNK = 400  # images per task


def load_encoder(path):
    """Gives every worker process its own copy of the VAE, in FAST_TYPE and channels-last."""
    global VAE, SCALE
    torch.set_num_threads(1)
    VAE = AutoencoderKL.from_pretrained(path).eval().to(FAST_TYPE)
    VAE = VAE.to(memory_format=torch.channels_last)
    SCALE = VAE.config.scaling_factor


def pixels(images, size):
    """uint8 N x 256 x 256 x 3 -> FAST_TYPE N x 3 x size x size in [-1, 1]."""
    if size != SIZE:
        k = SIZE // size
        images = images.reshape(-1, size, k, size, k, 3).mean((2, 4))
    x = torch.from_numpy(np.ascontiguousarray(images, np.float32)).permute(0, 3, 1, 2)
    return (x / 127.5 - 1).to(FAST_TYPE).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def encode_range(task):
    """Encodes images [low, high) of a split; returns (low, float16 latents)."""
    data, split, size, low, high = task
    images = open_images(data, split)
    out = []
    for i in range(low, high, BATCH):
        x = pixels(images[i:min(i + BATCH, high)], size)
        out.append((VAE.encode(x).latent_dist.mode().float() * SCALE).half())
    return low, torch.cat(out).contiguous().numpy()


def encode_split(pool, data, split, size, count):
    """Encodes the first `count` images of a split into one .npy file."""
    count = min(count, len(open_images(data, split)))
    latents = np.empty((count, 4, size // 8, size // 8), np.float16)
    starts = range(0, count, CHUNK)
    tasks = [(data, split, size, i, min(i + CHUNK, count)) for i in starts]
    start, done = time.time(), 0
    for low, part in pool.imap_unordered(encode_range, tasks):
        latents[low:low + len(part)] = part
        done += len(part)
        print(f"{split} {done}/{count} {done / (time.time() - start):.0f}/s", flush=True)
    path = f"{data}/lat_{split}_{size}.npy"
    with open(path + ".tmp", "wb") as file:
        np.save(file, latents)
    os.replace(path + ".tmp", path)
    sample = latents[:2000].astype(np.float32)
    print(f"{path}: {latents.shape} std {sample.std():.4f} mean {sample.mean((0, 2, 3)).round(4)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="work/data")
    parser.add_argument("--vae", default="work/ckpt/vae_final")
    parser.add_argument("--size", type=int, default=SIZE, choices=[128, 256])
    parser.add_argument("--count", type=int, default=40000, help="training scenes to encode")
    parser.add_argument("--val-count", type=int, default=512, help="validation scenes to encode")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.processes, load_encoder, (options.vae,)) as pool:
        for split, count in (("val", options.val_count), ("train", options.count)):
            encode_split(pool, options.data, split, options.size, count)


if __name__ == "__main__":
    main()
