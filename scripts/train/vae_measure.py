# SPDX-License-Identifier: Apache-2.0
"""Loading an autoencoder, and measuring its reconstructions: PSNR and SSIM."""
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from PIL import Image


def load(path):
    """A saved autoencoder, as float32."""
    return AutoencoderKL.from_pretrained(path, low_cpu_mem_usage=False).float()


def to_input(images):
    """uint8 N x H x W x 3 -> float32 N x 3 x H x W in [-1, 1]."""
    x = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)
    return x.float() / 127.5 - 1


def ssim(y, x):
    """Structural similarity (Wang et al. 2004) per image: Gaussian window of 11, sigma 1.5,
    mean over the RGB channels, for values in [0, 1]."""
    line = torch.exp(-(torch.arange(11) - 5.0).pow(2) / (2 * 1.5**2))
    line = line / line.sum()
    window = (line[:, None] * line[None, :]).expand(3, 1, 11, 11)

    def mean(v):
        return F.conv2d(v, window, groups=3)

    return ssim_of(mean, y, x).mean((1, 2, 3))


def ssim_of(mean, y, x):
    """The map of similarities, for local means taken by `mean`."""
    my, mx = mean(y), mean(x)
    vy, vx, cov = mean(y * y) - my**2, mean(x * x) - mx**2, mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    return (2 * my * mx + c1) * (2 * cov + c2) / ((my**2 + mx**2 + c1) * (vy + vx + c2))


def box_ssim(y, x):
    """Structural similarity of values in [-1, 1] in boxes of 7: seven times cheaper than ssim()."""
    y, x = (y.contiguous() + 1) / 2, (x.contiguous() + 1) / 2
    return ssim_of(lambda v: F.avg_pool2d(v, 7, 3), y, x).mean()


def measure(vae, images, pool, part=5):
    """Reconstruction in float32 from the posterior mean -> dict of PSNR, SSIM, latent moments."""
    @torch.no_grad()
    def one(start):
        x = to_input(images[start:start + part])
        z = vae.encode(x).latent_dist.mode()
        y = vae.decode(z, return_dict=False)[0].clamp(-1, 1)
        psnr = 10 * torch.log10(4 / (y - x).pow(2).mean((1, 2, 3)))
        return psnr, ssim((y + 1) / 2, (x + 1) / 2), z

    psnr, similarity, z = map(torch.cat, zip(*pool.map(one, range(0, len(images), part))))
    return dict(
        psnr=round(float(psnr.mean()), 3), ssim=round(float(similarity.mean()), 4),
        psnr_p10=round(float(psnr.quantile(0.1)), 3), count=len(images),
        latent_std=round(float(z.std()), 4), latent_mean=z.mean((0, 2, 3)).tolist(),
    )


@torch.no_grad()
def draw_pairs(vae, images, path):
    """Originals above, reconstructions below."""
    x = to_input(images)
    y = vae.decode(vae.encode(x).latent_dist.mode(), return_dict=False)[0]
    rows = [torch.cat(list(v), 2) for v in (x, y.clamp(-1, 1))]
    page = ((torch.cat(rows, 1) + 1) * 127.5).round().byte().permute(1, 2, 0)
    Image.fromarray(page.numpy()).save(path)
