# SPDX-License-Identifier: Apache-2.0
"""Latents of the embedded model under ToMeSD, from diffusers and tomesd in f32.

Fixed destinations, so that both sides merge the same tokens; tomesd's sorts are made stable, because
the order of equal values is undefined otherwise.
"""

import importlib.metadata
import pathlib

import diffusers
import tomesd
import torch
from safetensors.torch import save_file

OUT_DIR = "Tests/ParityTests/Goldens"
ROOT = pathlib.Path(__file__).resolve().parents[2]
POSTCARDS = ROOT / "Sources/EmbeddedModel/Resources/postcards"
PROMPT = "a red house on the left in a snowy field under a blue sky"
# Name, then the setting of either side. Merging around all modules makes so many choices that after
# 25 steps two tokens that differ only by rounding are certain to have been swapped.
STEPS = {"modules": 5}
CASES = {
    "none": None,
    "top": dict(ratio=0.5, max_downsample=1),
    "all": dict(ratio=0.6, max_downsample=8),
    "modules": dict(ratio=0.4, max_downsample=2, merge_crossattn=True, merge_mlp=True),
}


def stable_sorts() -> None:
    """Ties keep their order."""
    argsort = torch.Tensor.argsort
    torch.Tensor.argsort = lambda self, dim=-1, descending=False, stable=True: argsort(
        self, dim=dim, descending=descending, stable=True)


def load_pipeline() -> diffusers.StableDiffusionPipeline:
    """The embedded model in f32 with the sampler of the tests."""
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(
        POSTCARDS, torch_dtype=torch.float32, safety_checker=None)
    pipe.scheduler = diffusers.DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@torch.no_grad()
def latents(pipe: diffusers.StableDiffusionPipeline, steps: int, side: int,
            seed: int = 7) -> torch.Tensor:
    """One guided picture's latents."""
    result = pipe(PROMPT, num_inference_steps=steps, guidance_scale=7.5, height=side, width=side,
                  generator=torch.Generator().manual_seed(seed), output_type="latent")
    return result.images.float().contiguous()


def versions(*packages: str) -> dict[str, str]:
    """The versions that wrote a file, as metadata."""
    found = [f"{name} {importlib.metadata.version(name).split('+')[0]}" for name in packages]
    return {"made_by": ", ".join(found)}


def main(out_dir: str) -> None:
    """Writes merged_images.safetensors into out_dir."""
    stable_sorts()
    pipe = load_pipeline()
    tensors = {}
    for name, options in CASES.items():
        if options:
            tomesd.apply_patch(pipe, use_rand=False, **options)
        tensors[name] = latents(pipe, STEPS.get(name, 25), 256)
        tomesd.remove_patch(pipe)
    save_file(tensors, pathlib.Path(out_dir) / "merged_images.safetensors",
              metadata=versions("diffusers", "tomesd", "torch"))


if __name__ == "__main__":
    main(str(ROOT / OUT_DIR))
