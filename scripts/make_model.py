#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a model of Stable Diffusion's shape with random weights, in the diffusers layout.

    scripts/make_model.py --arch sd15 --out DIR

Speed and parity at full size need the shape of a published model, not its pictures: DIR serves
scripts/speed.py and scripts/goldens/full_size.py. fp16, 2.1 GB (sd15) or 2.6 GB (sd21). The
tokenizer is the embedded model's: its ids are valid in the larger vocabulary.
"""

import argparse
import json
import pathlib
import shutil

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

TOKENIZER = (
    pathlib.Path(__file__).resolve().parent.parent
    / "Sources/EmbeddedModel/Resources/postcards/tokenizer")
UNETS = {
    # `attention_head_dim` is the number of heads here.
    "sd15": dict(cross_attention_dim=768, attention_head_dim=8),
    "sd21": dict(
        cross_attention_dim=1024, attention_head_dim=(5, 10, 20, 20), use_linear_projection=True,
        upcast_attention=True),
}
TEXTS = {
    "sd15": dict(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
        hidden_act="quick_gelu", projection_dim=768),
    "sd21": dict(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16,
        hidden_act="gelu", projection_dim=512),
}
PREDICTIONS = {"sd15": "epsilon", "sd21": "v_prediction"}


def make_unet(arch: str) -> UNet2DConditionModel:
    cross = ("CrossAttnDownBlock2D",) * 3, ("CrossAttnUpBlock2D",) * 3
    unet = UNet2DConditionModel(
        sample_size=64, in_channels=4, out_channels=4, layers_per_block=2,
        block_out_channels=(320, 640, 1280, 1280),
        down_block_types=(*cross[0], "DownBlock2D"), up_block_types=("UpBlock2D", *cross[1]),
        **UNETS[arch])
    # Attention with fresh weights is almost uniform; sharper attention makes parity and merging meaningful.
    for name, parameter in unet.named_parameters():
        if name.endswith(("to_q.weight", "to_k.weight")):
            parameter.mul_(3)
    return unet


def make_vae() -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, sample_size=512, layers_per_block=2,
        block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4)


def write_text_encoder(arch: str, folder: pathlib.Path) -> None:
    config = CLIPTextConfig(vocab_size=49408, max_position_embeddings=77, **TEXTS[arch])
    CLIPTextModel(config).half().save_pretrained(folder)
    # Published checkpoints have a prefix that newer versions of the library drop.
    file = folder / "model.safetensors"
    tensors = {
        name if name.startswith("text_model.") else f"text_model.{name}": value.contiguous()
        for name, value in load_file(file).items()}
    save_file(tensors, file, metadata={"format": "pt"})


def write_json(path: pathlib.Path, value: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", choices=UNETS, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    out = options.out
    torch.manual_seed(options.seed)
    make_unet(options.arch).half().save_pretrained(out / "unet")
    make_vae().half().save_pretrained(out / "vae")
    write_text_encoder(options.arch, out / "text_encoder")
    shutil.copytree(TOKENIZER, out / "tokenizer", dirs_exist_ok=True)
    write_json(out / "scheduler/scheduler_config.json", {
        "_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "num_train_timesteps": 1000, "set_alpha_to_one": False,
        "skip_prk_steps": True, "steps_offset": 1, "clip_sample": False,
        "prediction_type": PREDICTIONS[options.arch]})
    write_json(out / "model_index.json", {
        "_class_name": "StableDiffusionPipeline", "feature_extractor": [None, None],
        "image_encoder": [None, None], "safety_checker": [None, None],
        "requires_safety_checker": False, "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]})


if __name__ == "__main__":
    main()
