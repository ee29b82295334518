# SPDX-License-Identifier: Apache-2.0
"""The U-Net, its noise schedule, the loss weights and the text encoder it is conditioned on."""
import glob
import json
import os

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from safetensors.torch import load_file, save_file
from transformers import CLIPModel, CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from common import FAST_TYPE, autocast, edit_config

BETAS = dict(
    num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
)
MIN_SNR_GAMMA = 5


def noise_schedule(prediction):
    """Stable Diffusion 1.x's DDIM schedule; `prediction` is epsilon or v_prediction."""
    schedule = DDIMScheduler(
        **BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1,
        prediction_type=prediction,
    )
    schedule.register_to_config(skip_prk_steps=True)  # for a PNDMScheduler made from this one
    return schedule


def build(channels=(32, 64, 128, 256)):
    """An untrained U-Net of 12.5 M parameters, laid out as Stable Diffusion 1.x."""
    return UNet2DConditionModel(
        sample_size=32, in_channels=4, out_channels=4, block_out_channels=channels,
        layers_per_block=1, cross_attention_dim=128, attention_head_dim=(1, 2, 4, 8),
        norm_num_groups=16, down_block_types=["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        up_block_types=["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    )


def load(path):
    """The U-Net exported to `path`, as float32."""
    return UNet2DConditionModel.from_pretrained(path, low_cpu_mem_usage=False).float()


def use_plain_attention(net):
    """bmm + softmax: 1.2x (32x32) to 1.5x (16x16) faster than PyTorch's flash kernel on a CPU."""
    net.set_attn_processor(AttnProcessor())


def export(net, path):
    """Writes the U-Net as diffusers loads it, in float16 (the live one is not changed)."""
    os.makedirs(path, exist_ok=True)
    net.save_config(path)
    edit_config(path)
    weights = {k: v.detach().half().contiguous() for k, v in net.state_dict().items()}
    target = f"{path}/diffusion_pytorch_model.safetensors"
    save_file(weights, target + ".tmp", metadata={"format": "pt"})
    os.replace(target + ".tmp", target)


def loss_weights(schedule, floor):
    """Weight per timestep of the squared error of the network's output.

    min-SNR-gamma (Hang et al. 2023) with a floor: without it t > 600, where the layout is
    decided, has next to no weight. In terms of the clean latents: min(SNR, 5) + floor.
    """
    alpha = schedule.alphas_cumprod
    snr = alpha / (1 - alpha)
    epsilon = schedule.config.prediction_type == "epsilon"
    return (snr.clamp(max=MIN_SNR_GAMMA) + floor) / (snr if epsilon else snr + 1)


def targets(schedule, clean, noise, t):
    """-> (noisy latents, the target of the network) at timesteps t [N]."""
    alpha = schedule.alphas_cumprod[t].view(-1, 1, 1, 1)
    noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
    if schedule.config.prediction_type == "epsilon":
        return noisy, noise
    return noisy, alpha.sqrt() * noise - (1 - alpha).sqrt() * clean


def predicted_clean(schedule, noisy, output, t):
    """The clean latents that correspond to an output of the network, at one timestep t."""
    alpha = schedule.alphas_cumprod[t]
    if schedule.config.prediction_type == "epsilon":
        return (noisy - (1 - alpha).sqrt() * output) / alpha.sqrt()
    return alpha.sqrt() * noisy - (1 - alpha).sqrt() * output


def load_text_model(path):
    """The text tower: from a CLIPModel directory, or from a pipeline's text_encoder directory."""
    with open(f"{path}/config.json") as file:
        kind = json.load(file)["model_type"]
    if kind == "clip":
        return CLIPModel.from_pretrained(path).text_model.float().eval()
    model = CLIPTextModel(CLIPTextConfig.from_pretrained(path))
    weights = {}
    for name in glob.glob(f"{path}/*.safetensors"):
        weights.update(load_file(name))
    if "text_model." not in next(iter(model.state_dict())):  # transformers 5 dropped the prefix
        weights = {k.removeprefix("text_model."): v for k, v in weights.items()}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    wrong = [k for k in [*missing, *unexpected] if "position_ids" not in k]
    assert not wrong, f"{path} does not fit: {wrong}"
    return model.float().eval()


class Prompts:
    """Captions -> text encoder states, N x 77 x width (padded with end-of-text, as in SD 1.x)."""

    def __init__(self, text_encoder, tokenizer):
        self.tokenizer = CLIPTokenizer.from_pretrained(tokenizer)
        self.encoder = load_text_model(text_encoder)

    @torch.no_grad()
    def __call__(self, captions):
        tokens = self.tokenizer(captions, padding="max_length", truncation=True, max_length=77)
        with autocast():
            states = self.encoder(input_ids=torch.tensor(tokens.input_ids)).last_hidden_state
        return states.to(FAST_TYPE)


@torch.no_grad()
def sample(net, prompts, captions, schedule, latents, steps=25, guidance=5.0):
    """DDIM (eta 0) with classifier-free guidance: initial -> final latents."""
    sampler = DDIMScheduler.from_config(schedule.config)
    sampler.set_timesteps(steps)
    states = torch.cat([prompts([""] * len(captions)), prompts(captions)]).to(net.dtype)
    x = latents * sampler.init_noise_sigma
    for t in sampler.timesteps:
        both = net(torch.cat([x, x]).to(net.dtype), t, states, return_dict=False)[0].float()
        free, told = both.chunk(2)
        x = sampler.step(free + guidance * (told - free), t, x).prev_sample
    return x


@torch.no_grad()
def decode(vae, latents):
    """Final latents -> uint8 images N x 256 x 256 x 3."""
    scaled = latents.to(vae.dtype) / vae.config.scaling_factor
    images = torch.cat([vae.decode(z[None], return_dict=False)[0] for z in scaled])
    return ((images.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
