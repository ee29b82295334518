# SPDX-License-Identifier: Apache-2.0
"""Textual inversions that lie beside a model, as diffusers' `load_textual_inversion` uses them.

Written to Tests/ParityTests/Goldens/embeddings: the files, in A1111's form (`emb_params`) and diffusers'
(under the token, a matrix or one vector), each named as prompts name it; and beside them
`embeddings.safetensors` with the embedded model's text states by prompt, and latents of an image.
"""

import pathlib
import shutil

import diffusers
import torch
from model_folders import load
from safetensors.torch import save_file

OUT_DIR = "Tests/ParityTests/Goldens"
# Name: vectors, and the key in the file; none is A1111's.
FILES = {"snowmood": (3, None), "glowing": (1, "<glowing>"), "oldink": (1, "oldink")}
PROMPTS = {
    "one": "a snowmood house",
    "several": "glowing sea, oldink and snowmood, snowmood",
    "long": "snowmood " * 40,
    "none": "a red house in the snow",
}
NEGATIVE = "oldink"


@torch.no_grad()
def main(out_dir: str) -> None:
    out = pathlib.Path(out_dir)
    folder = out / "embeddings"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    torch.manual_seed(5)
    pipeline = load(diffusers.StableDiffusionPipeline)
    pipeline.scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config)
    table = pipeline.text_encoder.get_input_embeddings().weight
    for name, (count, key) in FILES.items():
        vectors = (torch.randn(count, table.shape[1]) * table.std()).half().float()
        file = {key or "emb_params": vectors[0] if name == "oldink" else vectors}
        save_file(file, folder / f"{name}.safetensors", metadata={"format": "pt"})
        pipeline.load_textual_inversion(vectors, token=name)
    tensors = {}
    for label, prompt in PROMPTS.items():
        states = pipeline.encode_prompt(prompt, "cpu", 1, False)[0]
        tensors[f"states.{label}"] = states[0].contiguous()
    tensors["latents"] = pipeline(
        prompt=PROMPTS["several"], negative_prompt=NEGATIVE, num_inference_steps=4, guidance_scale=5.0,
        height=64, width=64, generator=torch.Generator().manual_seed(42),
        output_type="latent").images.contiguous()
    save_file(tensors, out / "embeddings.safetensors", metadata={"diffusers": diffusers.__version__})
