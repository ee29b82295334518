# SPDX-License-Identifier: Apache-2.0
"""Final latents of models whose folders hold more than the parts of the plain pipeline.

Written to Tests/ParityTests/Goldens: `inversions.safetensors` and the tokenizer `inversions`, as
diffusers saves a model after `load_textual_inversion` (tokens of three vectors and of one): the
vectors, that is the rows behind the embedded model's embedding, and latents by prompt. And
`consistency.safetensors`: the embedded U-Net with a guidance scale as an input, by
`LatentConsistencyModelPipeline` with its defaults: the added weight and the latents.
"""

import pathlib
import shutil
import tempfile

import diffusers
import torch
from safetensors.torch import save_file

OUT_DIR = "Tests/ParityTests/Goldens"
ROOT = pathlib.Path(__file__).resolve().parents[2]
POSTCARDS = ROOT / "Sources/EmbeddedModel/Resources/postcards"
PROMPTS = {
    "first": "a <ship> on the sea under a <glow> sky",
    "twice": "<ship> and <SHIP> beside a house",
    "none": "a red house in the snow",
}


def load(pipeline_class, **parts):
    pipeline = pipeline_class.from_pretrained(
        POSTCARDS, torch_dtype=torch.float32, safety_checker=None, requires_safety_checker=False, **parts)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def inversions(out: pathlib.Path) -> None:
    """Saves a model with inversions, reads it back, and generates."""
    torch.manual_seed(3)
    pipeline = load(diffusers.StableDiffusionPipeline)
    pipeline.scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config)
    table = pipeline.text_encoder.get_input_embeddings().weight
    width, rows = table.shape[1], table.shape[0]
    for token, count in (("<ship>", 3), ("<glow>", 1)):
        vectors = torch.randn(count, width) * table.std()
        pipeline.load_textual_inversion(vectors, token=token)
    with tempfile.TemporaryDirectory() as folder:
        pipeline.save_pretrained(folder)
        saved = pathlib.Path(folder) / "tokenizer"
        assert sorted(file.name for file in saved.iterdir()) == ["tokenizer.json", "tokenizer_config.json"]
        shutil.rmtree(out / "inversions", ignore_errors=True)
        shutil.copytree(saved, out / "inversions")
        again = diffusers.StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    again.set_progress_bar_config(disable=True)
    embedding = again.text_encoder.get_input_embeddings().weight
    tensors = {"vectors": embedding[rows:].contiguous()}
    assert tensors["vectors"].shape == (4, width)
    for name, prompt in PROMPTS.items():
        tensors[name] = again(
            prompt=prompt, negative_prompt="a <glow>", num_inference_steps=6, guidance_scale=5.0,
            height=64, width=64, generator=torch.Generator().manual_seed(42),
            output_type="latent").images.contiguous()
    save_file(tensors, out / "inversions.safetensors", metadata={"diffusers": diffusers.__version__})


def consistency(out: pathlib.Path) -> None:
    """Generates with a U-Net that takes the guidance scale as an input."""
    torch.manual_seed(4)
    plain = diffusers.UNet2DConditionModel.from_pretrained(POSTCARDS / "unet", torch_dtype=torch.float32)
    unet = diffusers.UNet2DConditionModel.from_config(plain.config, time_cond_proj_dim=32)
    unet.load_state_dict(plain.state_dict(), strict=False)
    weight = unet.time_embedding.cond_proj.weight
    weight.copy_(torch.randn_like(weight) * 0.02)
    pipeline = load(diffusers.LatentConsistencyModelPipeline, unet=unet.eval())
    pipeline.scheduler = diffusers.LCMScheduler.from_config(pipeline.scheduler.config)
    latents = pipeline(
        prompt=PROMPTS["none"], height=64, width=64, generator=torch.Generator().manual_seed(42),
        output_type="latent").images.contiguous()
    save_file({"weight": weight.contiguous(), "latents": latents}, out / "consistency.safetensors",
              metadata={"diffusers": diffusers.__version__})


@torch.no_grad()
def main(out_dir: str) -> None:
    out = pathlib.Path(out_dir)
    inversions(out)
    consistency(out)
