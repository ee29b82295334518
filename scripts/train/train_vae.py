#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the AutoencoderKL (f = 8, four latent channels) on the rendered scenes.

    python scripts/train/train_vae.py train --crop 128 --samples 16000 --out work/ckpt/vae128
    python scripts/train/train_vae.py train --init work/ckpt/vae128 --batch 24 --part 6
    python scripts/train/train_vae.py bake --to work/ckpt/vae_final
    python scripts/train/train_vae.py train --init DIR/vae --near 0.5 --out work/ckpt/vae2
    python scripts/train/train_vae.py train --init DIR/vae --decoder-only --out work/ckpt/decoder
    python scripts/train/train_vae.py measure --out DIR/vae

Inputs: `--data` with {train,val}.u8; for `--near` and `--decoder-only` also lat_train_256.npy,
encoded by `--init` (or what it was widened from). Outputs of `train` in `--out`: an AutoencoderKL
directory (the exponential average of the weights), state.pt (replaced atomically; an existing
state is continued) and recon.png. `bake` whitens the latents inside the 1x1 convolutions.
`measure` prints PSNR and SSIM on the first 500 held-out renders.

Whole autoencoder: random crops, one in four of half-size scenes, so that the U-Net's first stage
finds them familiar. `--decoder-only` freezes the encoder and both 1x1 convolutions, so latents,
and every U-Net trained on them, stay valid. `--near` trains everything, with a penalty on how far
the latents move, so that a U-Net needs only further training. Both see whole scenes,
because GroupNorm and the attention in the middle behave differently on a crop.

Loss: L1 and MSE, L1 of the differences between neighbours at three scales, and a tiny KL. The
learning rate is a cosine over samples. SIGTERM saves and ends.
"""
import argparse
import json
import math
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("OMP_NUM_THREADS", "1")  # parallelism comes from the workers

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from diffusers.models.attention_processor import AttnProcessor

from common import SIZE, autocast, average_gradients, edit_config, open_images, save_atomically
from fast_norm import use_fast_norms
from vae_measure import box_ssim, draw_pairs, load, measure, to_input

CHANNELS = (16, 32, 32, 64)
SCALING_FACTOR = 0.18215  # Stable Diffusion 1.x
KL_WEIGHT = 2e-4
HELD_OUT = 500


def build():
    """An untrained autoencoder, 0.76 M parameters."""
    levels = len(CHANNELS)
    return AutoencoderKL(
        in_channels=3, out_channels=3, down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels, block_out_channels=CHANNELS,
        layers_per_block=1, latent_channels=4, norm_num_groups=8, sample_size=SIZE,
    )


# ---------------------------------------------------------------- loss and data


def differences(x):
    """Neighbour minus neighbour, along rows and along columns."""
    return x[..., :, 1:] - x[..., :, :-1], x[..., 1:, :] - x[..., :-1, :]


def reconstruction_loss(y, x, mse):
    """L1 at four scales, gradient L1 at three, and `mse` times the mean squared error."""
    total = (y - x).abs().mean() + mse * (y - x).pow(2).mean()
    for _ in range(3):
        for a, b in zip(differences(y), differences(x)):
            total = total + (a - b).abs().mean()
        y, x = F.avg_pool2d(y, 2), F.avg_pool2d(x, 2)
        total = total + (y - x).abs().mean()
    return total


def random_crop(image, side, rng):
    """The busier one of two random crops: plain sky teaches little."""
    best, most = None, -1.0
    for _ in range(2 if side < SIZE else 1):
        y, x = rng.integers(0, SIZE + 1 - side, 2)
        crop = image[y:y + side, x:x + side]
        spread = crop[::4, ::4].std()
        if spread > most:
            best, most = crop, spread
    return best


def crops(images, picked, side, rng):
    """A crop of every picked image, every fourth one from the scene at half size."""
    out = []
    for i, number in enumerate(picked):
        halve = i % 4 == 0 and side <= SIZE // 2
        crop = random_crop(images[number], side * 2 if halve else side, rng)
        if halve:
            crop = crop.reshape(side, 2, side, 2, 3).mean((1, 3)).round().astype(np.uint8)
        out.append(crop[:, ::-1] if rng.random() < 0.5 else crop)
    return to_input(np.stack(out))


# ---------------------------------------------------------------- training


class Run:
    """The autoencoder in training: float32 weights, their exponential average, Adam."""

    def __init__(self, options):
        torch.manual_seed(options.seed)
        self.options, self.samples = options, 0
        self.images = open_images(options.data, "train")
        self.vae = load(options.init) if options.init else build()
        self.average = load(options.init) if options.init else build()
        self.average.load_state_dict(self.vae.state_dict())
        use_fast_norms(self.vae)
        for half in (self.vae.encoder, self.vae.decoder):  # faster on a CPU than PyTorch's flash
            half.mid_block.attentions[0].set_processor(AttnProcessor())
        if options.decoder_only or options.near:
            latents = np.load(f"{options.data}/lat_train_{SIZE}.npy", mmap_mode="r")
            self.latents = latents
            self.images = self.images[:len(latents)]
            self.deviation = (0.5 * self.vae.quant_conv.bias[4:].detach()).exp()
        trained = self.vae.decoder if options.decoder_only else self.vae
        mean = self.average.decoder if options.decoder_only else self.average
        self.weights, self.mean_weights = list(trained.parameters()), list(mean.parameters())
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=options.lr, betas=(0.9, 0.99), weight_decay=1e-4, fused=True
        )
        self.path = f"{options.out}/state.pt"
        if os.path.exists(self.path):
            state = torch.load(self.path, weights_only=True)
            self.samples = state["samples"]
            self.vae.load_state_dict(state["vae"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            print(f"continues {self.path} from {self.samples} samples", flush=True)

    def save(self):
        """The average as an AutoencoderKL, and state.pt to resume from."""
        self.average.save_pretrained(self.options.out)
        edit_config(self.options.out)
        save_atomically(
            dict(
                vae=self.vae.state_dict(), average=self.average.state_dict(),
                optimizer=self.optimizer.state_dict(), samples=self.samples,
            ),
            self.path,
        )

    def whole_loss(self, picked, rng):
        """Encodes and decodes crops, sampling the posterior."""
        x = crops(self.images, picked, self.options.crop, rng)
        x = x.contiguous(memory_format=torch.channels_last)
        with autocast():
            posterior = self.vae.encode(x).latent_dist
            noise = torch.from_numpy(rng.standard_normal(posterior.mean.shape)).float()
            y = self.vae.decode(posterior.mean + posterior.std * noise, return_dict=False)[0]
        mean, var, logvar = posterior.mean.float(), posterior.var.float(), posterior.logvar.float()
        kl = 0.5 * (mean.pow(2) + var - 1 - logvar).mean()
        return reconstruction_loss(y.float(), x, self.options.mse) + KL_WEIGHT * kl

    def scene_loss(self, picked, rng):
        """Decodes the latents of whole scenes, with up to the posterior's noise: the cached ones,
        or with `--near` the encoder's own, which must stay near the cached ones."""
        x = to_input(self.images[picked]).contiguous(memory_format=torch.channels_last)
        scale = self.vae.config.scaling_factor
        z = cached = torch.from_numpy(self.latents[picked].astype(np.float32)) / scale
        moved = 0.0
        if self.options.near:
            with autocast():
                hidden = self.vae.encoder(x)
            z = self.vae.quant_conv(hidden.float())[:, :4]  # float32: latents need its digits
            moved = self.options.near * (z - cached).mul(scale).pow(2).mean()
        noise = torch.from_numpy(rng.standard_normal(z.shape)).float()
        strength = torch.from_numpy(rng.random((len(z), 1, 1, 1))).float()
        z = z + strength * self.deviation.view(1, 4, 1, 1) * noise
        z = self.vae.post_quant_conv(z).contiguous(memory_format=torch.channels_last)
        with autocast():
            y = self.vae.decoder(z)
        y = y.float()
        loss = reconstruction_loss(y, x, self.options.mse) + moved
        return loss + self.options.ssim * (1 - box_ssim(y, x)) if self.options.ssim else loss

    def gradient(self, task):
        """(loss, gradients) of some images; runs in a worker thread."""
        picked, seed = task
        rng = np.random.default_rng(seed)
        whole = self.options.decoder_only or self.options.near
        loss = (self.scene_loss if whole else self.whole_loss)(picked, rng)
        return loss.item(), torch.autograd.grad(loss, self.weights)

    def rate(self):
        """Learning rate: warm-up of 100 steps, then a cosine over the samples."""
        options = self.options
        fraction = min(1.0, self.samples / options.samples)
        cosine = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fraction))
        return options.lr * cosine * min(1, (self.samples / options.batch + 1) / 100)

    def advance(self, pool):
        """One step on a batch drawn from the step's own seed; returns the loss."""
        options = self.options
        rng = np.random.default_rng([options.seed, self.samples])
        picked = rng.choice(len(self.images), options.batch, replace=False)
        parts = [
            (part, [options.seed, self.samples, k])
            for k, part in enumerate(np.split(picked, options.batch // options.part))
        ]
        losses = average_gradients(pool, self.gradient, parts, self.weights)
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        self.optimizer.step()
        self.samples += options.batch
        steps = self.samples / options.batch
        decay = min(options.ema, (steps + 1) / (steps + 10))
        with torch.no_grad():
            torch._foreach_lerp_(self.mean_weights, self.weights, 1 - decay)
        return sum(losses) / len(losses)


def train(options):
    """Trains until `--samples` are done or a signal ends the run."""
    os.makedirs(options.out, exist_ok=True)
    stop = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.append(True))
    val = open_images(options.data, "val")
    start = saved = time.time()
    with ThreadPoolExecutor(options.workers) as pool:
        run, losses = Run(options), []
        first = run.samples
        while run.samples < options.samples and not stop:
            losses.append(run.advance(pool))
            if len(losses) == 100:
                speed = (run.samples - first) / (time.time() - start)
                mean = sum(losses) / len(losses)
                print(f"samples {run.samples} {speed:.1f}/s loss {mean:.4f}", flush=True)
                losses.clear()
            if time.time() - saved > options.every * 60:
                run.save()
                print(json.dumps(measure(run.average, val[:50], pool)), flush=True)
                saved = time.time()
        found = measure(run.average, val[:HELD_OUT], pool)
        if not options.decoder_only and not options.near:
            run.average.register_to_config(scaling_factor=1 / found["latent_std"])
        run.save()
        draw_pairs(run.average, val[:6], f"{options.out}/recon.png")
        print(json.dumps(found), flush=True)


# ---------------------------------------------------------------- baking


@torch.no_grad()
def whitening(vae, images):
    """-> (matrix M, mean, posterior variance of M z) of the four latent channels.

    The channels come out strongly correlated, which would burden a diffusion model. M z has
    no correlation and a standard deviation of 1 / 0.18215; a direction that the decoder hardly
    uses is not blown up.
    """
    means, variances = [], []
    for i in range(0, len(images), 20):
        with autocast():
            posterior = vae.encode(to_input(images[i:i + 20])).latent_dist
        means.append(posterior.mean.float())
        variances.append(posterior.var.float().mean((0, 2, 3)))
    z = torch.cat(means).transpose(0, 1).flatten(1).double()
    spread, axes = torch.linalg.eigh(torch.cov(z))
    scale = torch.diag(1 / spread.sqrt().clamp(min=0.5))
    matrix = axes @ scale @ axes.T / SCALING_FACTOR
    variance = matrix.pow(2) @ torch.stack(variances).mean(0).double()
    return matrix, z.mean(1), variance.float()


@torch.no_grad()
def bake(options):
    """Folds the whitening into quant_conv and post_quant_conv: both are 1x1, so reconstructions
    do not change. Log-variances cannot follow a full matrix and become constants."""
    vae = load(options.out).eval()
    matrix, mean, variance = whitening(vae, open_images(options.data, "train")[:30000:30])
    inverse, matrix, mean = torch.linalg.inv(matrix).float(), matrix.float(), mean.float()
    val = open_images(options.data, "val")[:100]
    with ThreadPoolExecutor(options.workers) as pool:
        before = measure(vae, val, pool)
        into, out = vae.quant_conv, vae.post_quant_conv
        old = out.weight[:, :, 0, 0].clone()
        out.bias += old @ mean
        out.weight.copy_((old @ inverse)[:, :, None, None])
        into.weight[:4] = (matrix @ into.weight[:4, :, 0, 0])[:, :, None, None]
        into.bias[:4] = matrix @ (into.bias[:4] - mean)
        into.weight[4:] = 0
        into.bias[4:] = variance.log()
        vae.register_to_config(scaling_factor=SCALING_FACTOR)
        after = measure(vae, val, pool)
    vae.save_pretrained(options.to)
    edit_config(options.to)
    print(f"before {before}\nafter  {after}")


def print_measures(options):
    """PSNR and SSIM of the autoencoder in `--out` on held-out renders."""
    val = open_images(options.data, "val")[:HELD_OUT]
    with ThreadPoolExecutor(options.workers) as pool:
        print(json.dumps(measure(load(options.out).eval(), val, pool)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["train", "bake", "measure"])
    parser.add_argument("--data", default="work/data")
    parser.add_argument("--out", default="work/ckpt/vae", help="directory of the autoencoder")
    parser.add_argument("--to", default="work/ckpt/vae_final", help="where `bake` writes")
    parser.add_argument("--init", default="", help="start from this exported autoencoder")
    parser.add_argument("--decoder-only", action="store_true", help="leave the latents alone")
    parser.add_argument("--near", type=float, default=0, help="weight of the latents' movement")
    parser.add_argument("--samples", type=int, default=300000, help="images or crops in all")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--part", type=int, default=2, help="images per gradient task")
    parser.add_argument("--crop", type=int, default=64, help="pixels; whole autoencoder only")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--mse", type=float, default=3.0, help="weight of the squared error")
    parser.add_argument("--ssim", type=float, default=0, help="weight of 1 - SSIM; whole scenes")
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--every", type=float, default=10, help="minutes between checkpoints")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    assert options.batch % options.part == 0, "--batch must be a multiple of --part"
    assert options.init or not (options.decoder_only or options.near), "needs --init"
    {"train": train, "bake": bake, "measure": print_measures}[options.what](options)


if __name__ == "__main__":
    main()
