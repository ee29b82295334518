# SPDX-License-Identifier: Apache-2.0
"""Final latents of images some of whose steps are forecast: a loop around diffusers' U-Net.

The guided output of a forecast step lies on the line through the outputs of the last two calls, over
the timestep. Written to Tests/ParityTests/Goldens/forecast.safetensors: the embedded model at 64x64
pixels, 20 steps, f32, by "SAMPLER/INTERVAL".
"""

import pathlib

import diffusers
import torch
from safetensors.torch import save_file

import pipeline as whole

OUT_DIR = whole.OUT_DIR
SAMPLERS = ["ddim", "euler", "dpm++2m", "unipc"]
STEPS, GUIDANCE, WARM_UP = 20, 5.0, 5


def is_forecast(step, interval):
    """The first five steps and the last are calls, of the others one in `interval`."""
    return step >= WARM_UP and step < STEPS - 1 and (step - WARM_UP) % interval != interval - 1


def latents(pipe, scheduler, text, interval):
    """One image, as StableDiffusionPipeline samples it but for the forecast steps."""
    scheduler.set_timesteps(STEPS)
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(42)) * scheduler.init_noise_sigma
    calls = []
    for step, t in enumerate(scheduler.timesteps):
        scaled = scheduler.scale_model_input(x, t)
        if is_forecast(step, interval):
            (t0, older), (t1, newer) = calls[-2:]
            output = newer + (float(t) - t1) / (t1 - t0) * (newer - older)
        else:
            pair = pipe.unet(torch.cat([scaled, scaled]), t, encoder_hidden_states=text).sample
            uncond, cond = pair.chunk(2)
            output = uncond + GUIDANCE * (cond - uncond)
            calls.append((float(t), output))
        x = scheduler.step(output, t, x).prev_sample
    return x.contiguous()


def main(out_dir):
    torch.set_grad_enabled(False)
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(
        whole.POSTCARDS, torch_dtype=torch.float32, safety_checker=None,
        requires_safety_checker=False)
    cond, uncond = pipe.encode_prompt(whole.PROMPT, "cpu", 1, True, negative_prompt=whole.NEGATIVE)
    text = torch.cat([uncond, cond])
    tensors = {}
    for name in SAMPLERS:
        scheduler, options = whole.SCHEDULERS[name]
        for interval in (2, 3):
            made = getattr(diffusers, scheduler).from_config(pipe.scheduler.config, **options)
            tensors[f"{name}/{interval}"] = latents(pipe, made, text, interval)
    path = pathlib.Path(out_dir) / "forecast.safetensors"
    save_file(tensors, path, metadata={"diffusers": diffusers.__version__, "seed": "42"})
