#!/usr/bin/env python3
"""Compares whole images with diffusers: same model, prompt, seed and sampler.

    scripts/parity.py [--model DIR] [--size 256] [--steps 25] [--backend onednn] > table.md

Prints one Markdown row per sampler: relative L2 distance of the final latents in f32, PSNR of the
decoded picture in f32, and PSNR of the bf16 picture to the f32 one. Needs torch, diffusers,
transformers, safetensors, numpy and pillow (see scripts/requirements.txt) and a release build.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import diffusers
import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).resolve().parent.parent
POSTCARDS = ROOT / "Sources/EmbeddedModel/Resources/postcards"
KARRAS = {"use_karras_sigmas": True}
SAMPLERS = {
    "ddim": ("DDIMScheduler", {}, "default"),
    "pndm": ("PNDMScheduler", {}, "default"),
    "euler": ("EulerDiscreteScheduler", {}, "default"),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}, "default"),
    "lms": ("LMSDiscreteScheduler", {}, "default"),
    "heun": ("HeunDiscreteScheduler", {}, "default"),
    "dpm++2m": ("DPMSolverMultistepScheduler", {}, "default"),
    "dpm++2m karras": ("DPMSolverMultistepScheduler", KARRAS, "karras"),
    "unipc": ("UniPCMultistepScheduler", {}, "default"),
    "lcm": ("LCMScheduler", {}, "default"),
    "tcd": ("TCDScheduler", {}, "default"),
}
# diffusers' pipeline passes η = 0 by default; TCD's own default is 0.3.
ETA = {"tcd": 0.3}


def reference(pipeline, config, name, arguments):
    """Latents `[1, 4, h, w]` and picture (8-bit RGB) as diffusers computes them."""
    scheduler, options, _ = SAMPLERS[name]
    pipeline.scheduler = getattr(diffusers, scheduler).from_config(config, **options)
    latents = pipeline(
        prompt=arguments.prompt, num_inference_steps=arguments.steps,
        guidance_scale=arguments.cfg_scale, height=arguments.size, width=arguments.size,
        generator=torch.Generator().manual_seed(arguments.seed), eta=ETA.get(name, 0.0),
        output_type="latent").images
    image = pipeline.vae.decode(
        latents / pipeline.vae.config.scaling_factor, return_dict=False)[0]
    return latents, np.asarray(pipeline.image_processor.postprocess(image)[0])


def ours(names, precision, arguments, directory):
    """The same from retom-coord, one run for all samplers."""
    lines = [
        json.dumps({
            "prompt": arguments.prompt, "seed": arguments.seed, "steps": arguments.steps,
            "cfg_scale": arguments.cfg_scale, "width": arguments.size, "height": arguments.size,
            "sampler_name": name.split()[0], "scheduler": SAMPLERS[name][2],
        }) for name in names
    ]
    program = subprocess.run(
        ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True,
        capture_output=True, text=True).stdout.strip() + "/retom-coord"
    subprocess.run(
        [program, "--model", str(arguments.model), "--precision", precision, "--backend",
         arguments.backend, "--merge", "none", "--save-latents", "--quiet", "--prompts", "-", "-o",
         directory],
        input="\n".join(lines), text=True, check=True)
    results = []
    for index in range(len(names)):
        stem = f"{directory}/{index:05d}-{arguments.seed}"
        latents = load_file(stem + ".safetensors")["latents"]
        results.append((latents, np.asarray(Image.open(stem + ".png"))))
    return results


def psnr(first, second):
    """Peak signal-to-noise ratio of two 8-bit pictures, in dB; "equal" for equal ones."""
    error = np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2)
    return "equal" if error == 0 else f"{10 * np.log10(255**2 / error):.1f}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, default=POSTCARDS)
    parser.add_argument("--prompt", default="a red lighthouse on a beach at sunset with mountains")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--cfg-scale", type=float, default=5.0)
    parser.add_argument("--backend", default="onednn")
    arguments = parser.parse_args()

    torch.set_grad_enabled(False)
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
        arguments.model, torch_dtype=torch.float32, safety_checker=None,
        requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    config = pipeline.scheduler.config
    names = list(SAMPLERS)
    with tempfile.TemporaryDirectory() as directory:
        exact = ours(names, "f32", arguments, f"{directory}/f32")
        precisions = ["bf16"] if arguments.backend == "onednn" else []
        coarse = [ours(names, p, arguments, f"{directory}/{p}") for p in precisions]
    print("| sampler | latents, relative L2 | picture, PSNR dB | bf16 to f32, PSNR dB |")
    print("| --- | ---: | ---: | ---: |")
    for index, name in enumerate(names):
        latents, picture = reference(pipeline, config, name, arguments)
        own, own_picture = exact[index]
        distance = float((own - latents).norm() / latents.norm())
        bf16 = psnr(coarse[0][index][1], own_picture) if coarse else "–"
        print(f"| {name} | {distance:.1e} | {psnr(own_picture, picture)} | {bf16} |", flush=True)


if __name__ == "__main__":
    main()
