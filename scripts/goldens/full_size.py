#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What diffusers and transformers compute with a full-size model: goldens.safetensors beside it.

    scripts/goldens/full_size.py /path/to/model ...
    RETOM_FULL_MODELS=/path/to/model:... swift test -c release --filter FullSize
"""

import pathlib
import sys

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from model import text_goldens, unet_goldens, vae_goldens, write  # noqa: E402


@torch.no_grad()
def export(folder: pathlib.Path) -> None:
    """One text, U-Net calls and decoded pictures of 256x256 and 1024x1024."""
    torch.manual_seed(0)
    options = dict(torch_dtype=torch.float32)
    tensors = {}
    text_goldens(CLIPTextModel.from_pretrained(folder / "text_encoder", **options).eval(), tensors)
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", **options).eval()
    cases = [("t981", 1, 32, 32, 981), ("t1", 1, 32, 32, 1), ("odd", 1, 23, 37, 500)]
    unet_goldens(unet, tensors, cases)
    del unet
    vae = AutoencoderKL.from_pretrained(folder / "vae", **options).eval()
    vae_goldens(vae, tensors, [("plain", 1, 32, 32), ("large", 1, 128, 128)])
    write(folder / "goldens.safetensors", tensors)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        export(pathlib.Path(name))
