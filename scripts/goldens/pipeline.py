# SPDX-License-Identifier: Apache-2.0
"""Final latents of whole images by diffusers' pipeline, for every sampling method.

Written to Tests/ParityTests/Goldens/pipeline.safetensors: the embedded model at 64x64 pixels, 25
steps, f32. Small pictures keep it small; `scripts/parity.py` compares full-size ones.
"""

import pathlib

import diffusers
import torch
from safetensors.torch import save_file

OUT_DIR = "Tests/ParityTests/Goldens"
ROOT = pathlib.Path(__file__).resolve().parents[2]
POSTCARDS = ROOT / "Sources/EmbeddedModel/Resources/postcards"
PROMPT = "a red house beside a pine tree in a snowy field at night under a full moon"
NEGATIVE = "a blue car"
SCHEDULERS = {
    "ddim": ("DDIMScheduler", {}),
    "pndm": ("PNDMScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "lms": ("LMSDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "dpm++2m": ("DPMSolverMultistepScheduler", {}),
    "dpm++2m/karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "tcd": ("TCDScheduler", {}),
}
# A row by DDIM with diffusers' `guidance_rescale`.
RESCALED = "ddim/rescaled"
GUIDANCE_RESCALE = 0.7
# diffusers' pipeline passes η = 0 by default; TCD's own default is 0.3.
ETA = {"tcd": 0.3}


def main(out_dir):
    torch.set_grad_enabled(False)
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
        POSTCARDS, torch_dtype=torch.float32, safety_checker=None, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    config = pipeline.scheduler.config
    tensors = {}
    rescaled = {RESCALED: SCHEDULERS["ddim"]}
    for name, (scheduler, options) in {**SCHEDULERS, **rescaled}.items():
        pipeline.scheduler = getattr(diffusers, scheduler).from_config(config, **options)
        tensors[name] = pipeline(
            prompt=PROMPT, negative_prompt=NEGATIVE, num_inference_steps=25, guidance_scale=5.0,
            height=64, width=64, generator=torch.Generator().manual_seed(42),
            guidance_rescale=GUIDANCE_RESCALE if name == RESCALED else 0.0,
            eta=ETA.get(name, 0.0), output_type="latent").images.contiguous()
    path = pathlib.Path(out_dir) / "pipeline.safetensors"
    save_file(tensors, path, metadata={"diffusers": diffusers.__version__, "seed": "42"})
