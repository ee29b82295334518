# SPDX-License-Identifier: Apache-2.0
"""A small AutoencoderTiny (TAESD) with random weights, and what diffusers decodes with it.

Written below Tests/ParityTests/Goldens: `taesd/vae` in diffusers' layout, f16, and
`taesd.safetensors` with latents and pictures in f32. The published decoder has 64 channels and
3, 3, 3, 1 blocks; fewer of both keep the files small.
"""

import pathlib
import shutil

import torch
from diffusers import AutoencoderTiny

import model

OUT_DIR = model.OUT_DIR
SHAPE = dict(encoder_block_out_channels=(32,) * 4, decoder_block_out_channels=(32,) * 4,
             num_encoder_blocks=(1, 1, 1, 1), num_decoder_blocks=(2, 1, 1, 1))


def randomize(vae: AutoencoderTiny) -> AutoencoderTiny:
    """Weights that keep values of all layers about 1 and the picture about 0 to 1, as f16 holds
    them."""
    with torch.no_grad():
        for name, parameter in vae.decoder.named_parameters():
            if name.endswith(".bias"):
                parameter.normal_(std=0.1)
                continue
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
            if ".conv.4." in name:
                parameter.mul_(0.4)
        last = vae.decoder.layers[-1]
        last.weight.mul_(0.1)
        last.bias.add_(0.5)
    return vae.half().float().eval()


@torch.no_grad()
def main(out_dir: str) -> None:
    """Writes everything into out_dir."""
    out = pathlib.Path(out_dir)
    torch.manual_seed(0)
    vae = randomize(AutoencoderTiny(**SHAPE))
    folder = out / "taesd/vae"
    shutil.rmtree(folder, ignore_errors=True)
    model.save(vae, folder)
    model.rewrite(folder / "diffusion_pytorch_model.safetensors", lambda tensors: {
        k: v for k, v in tensors.items()
        if k == "encoder.layers.0.bias" or not k.startswith("encoder.")})
    tensors = {}
    layers = [i for i, layer in enumerate(vae.decoder.layers)
              if isinstance(layer, torch.nn.Upsample)]
    for index, (name, batch, height, width) in enumerate(
            [("plain", 1, 8, 8), ("odd", 2, 5, 7), ("large", 1, 13, 18)]):
        # Some are beyond what tanh lets through.
        latents = torch.randn(batch, 4, height, width) * 2
        # What a level ends with is what its upsampler begins with.
        names = {f"layers.{i - 1}": f"layers.{i - 1}" for i in layers}
        recorder = model.Recorder(vae.decoder, names) if index == 0 else None
        image = vae.decode(latents / vae.config.scaling_factor).sample
        if recorder:
            tensors.update({f"vae.{name}.layer.{k}": v for k, v in recorder.close().items()})
        tensors[f"vae.{name}.latents"] = latents
        tensors[f"vae.{name}.image"] = image
    model.write(out / "taesd.safetensors", tensors)


if __name__ == "__main__":
    main(str(model.ROOT / OUT_DIR))
