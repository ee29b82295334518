# SPDX-License-Identifier: Apache-2.0
"""Models in one file, as diffusers' `from_single_file` reads them.

Written to Tests/ParityTests/Goldens/single_file: `<kind>.json` with configurations, names and shapes,
and `<kind>.safetensors` with what diffusers makes of the file: tokens, latents of a guided image and
the decoded picture. Weights are in no file: both sides compute them from the tensors' names, because
published text encoders are too wide to keep.

Kinds have the heads, groups and widths that no single file says, in small: `sd1`, `sd2` (OpenCLIP,
v-prediction), and `bk` (BK-SDM: one layer per block, no mid block), whose original names diffusers
does not read: shapes only.
"""

import json
import pathlib
import re
import tempfile

import diffusers
import numpy as np
import torch
import transformers
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

OUT_DIR = "Tests/ParityTests/Goldens/single_file"
ROOT = pathlib.Path(__file__).resolve().parents[2]
MERGES = ROOT / "Sources/EmbeddedModel/Resources/clip-vocabulary/merges.txt"
PROMPTS = [
    "a photograph of an astronaut riding a horse",
    "Crème brûlée!, 日本の庭 & 42 <|endoftext|> tail",
    "",
]
NEGATIVE = "blurry, ugly"
CROSS, PLAIN = "CrossAttn{}Block2D", "{}Block2D"
KINDS = {
    "sd1": dict(width=768, channels=(32, 32, 64, 64), heads=8, layers=2, attention=(1, 1, 1, 0)),
    "sd2": dict(width=1024, channels=(64, 64, 128, 128), heads=(1, 1, 2, 2), layers=2,
                attention=(1, 1, 1, 0)),
    "bk": dict(width=768, channels=(32, 64, 64), heads=8, layers=1, attention=(1, 1, 1)),
}
# Its spread is what tells v-prediction from ε in Stable Diffusion 2.x.
SPREAD = "up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias"


def mix(name: str, count: int) -> np.ndarray:
    """SplitMix64 seeded by FNV-1a of the name, as uniform f32 in [-1, 1)."""
    with np.errstate(over="ignore"):
        seed = np.uint64(0xCBF29CE484222325)
        for byte in name.encode():
            seed = (seed ^ np.uint64(byte)) * np.uint64(0x100000001B3)
        z = seed + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float32) / np.float32(2**23) - np.float32(1)


def weights(component: str, name: str, shape) -> torch.Tensor:
    """The values of a tensor, as f16 holds them: a pure function of its names and shape."""
    u = mix(f"{component}/{name}", int(np.prod(shape)))
    if len(shape) > 1:
        halvings = 0
        while 4**halvings < np.prod(shape[1:]):
            halvings += 1
        values = u * np.float32(1.5 / 2**halvings)
    elif name.endswith("weight"):
        values = np.float32(1) + u * np.float32(0.25)
    else:
        values = u * np.float32(0.25 if name == SPREAD else 0.0625)
    return torch.from_numpy(values.astype(np.float16).reshape(shape))


def vocabulary() -> dict:
    """CLIP's ids, which follow from its merges."""
    merges = MERGES.read_text().splitlines()[1:]
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    # One character per byte: printable Latin-1 for itself, then the rest from U+0100 on.
    letters = [chr(c) for c in printable] + [chr(0x100 + i) for i in range(256 - len(printable))]
    tokens = letters + [c + "</w>" for c in letters] + ["".join(m.split()) for m in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(tokens)}


def parts(kind: str, k: dict):
    """Small modules of a kind; their values are set later."""
    two = kind == "sd2"
    types = [(CROSS if a else PLAIN) for a in k["attention"]]
    unet = UNet2DConditionModel(
        sample_size=96 if two else 64, in_channels=4, out_channels=4,
        block_out_channels=k["channels"], layers_per_block=k["layers"],
        cross_attention_dim=k["width"], attention_head_dim=k["heads"],
        use_linear_projection=two, norm_num_groups=32,
        mid_block_type=None if kind == "bk" else "UNetMidBlock2DCrossAttn",
        down_block_types=[t.format("Down") for t in types],
        up_block_types=[t.format("Up") for t in reversed(types)])
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=49408, max_position_embeddings=77, hidden_size=k["width"], intermediate_size=96,
        num_hidden_layers=2, num_attention_heads=k["width"] // 64, projection_dim=64,
        hidden_act="gelu" if two else "quick_gelu"))
    vae = AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, sample_size=768 if two else 512,
        block_out_channels=(32, 32, 64, 64), layers_per_block=2, norm_num_groups=32,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False, steps_offset=1, prediction_type="v_prediction" if two else "epsilon")
    return dict(unet=unet, text_encoder=text, vae=vae), scheduler


def ldm_unet(name: str, n: int, attention) -> str:
    """The original name of a U-Net's tensor, n layers per block."""
    resnet = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
              "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
    outer = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
             "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"}
    module, leaf = name.rsplit(".", 1)
    if module in outer:
        return f"{outer[module]}.{leaf}"
    way, rest = name.split(".", 1)
    if way == "mid_block":
        part, index, rest = rest.split(".", 2)
        if part == "attentions":
            return f"middle_block.1.{rest}"
        first, rest = rest.split(".", 1)
        return f"middle_block.{2 * int(index)}.{resnet[first]}.{rest}"
    b, part, index, rest = rest.split(".", 3)
    down, place = way == "down_blocks", int(b) * (n + 1) + int(index)
    block = f"input_blocks.{place + 1}" if down else f"output_blocks.{place}"
    if part == "resnets":
        first, rest = rest.split(".", 1)
        return f"{block}.0.{resnet[first]}.{rest}"
    if part == "attentions":
        return f"{block}.1.{rest}"
    if down:
        return f"input_blocks.{(int(b) + 1) * (n + 1)}.0.op.{leaf}"
    sub = 2 if attention[len(attention) - 1 - int(b)] else 1
    return f"output_blocks.{int(b) * (n + 1) + n}.{sub}.conv.{leaf}"


def ldm_vae(name: str, levels: int) -> str:
    """The original name of a VAE's tensor."""
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0\.conv", r"down.\1.downsample.conv", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets",
                  lambda m: f"up.{levels - 1 - int(m[1])}.block", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0\.conv",
                  lambda m: f"up.{levels - 1 - int(m[1])}.upsample.conv", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    for new, old in (("mid_block.attentions.0", "mid.attn_1"), ("group_norm", "norm"),
                     ("to_out.0", "proj_out"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"),
                     ("conv_norm_out", "norm_out"), ("conv_shortcut", "nin_shortcut")):
        name = name.replace(new, old)
    return name


def open_clip(tensors: dict, count: int) -> dict:
    """A text encoder under OpenCLIP's names."""
    result = {
        "token_embedding.weight": tensors["embeddings.token_embedding.weight"],
        "positional_embedding": tensors["embeddings.position_embedding.weight"],
        "text_projection": torch.zeros(2 * [tensors["final_layer_norm.bias"].numel()]),
        "logit_scale": torch.tensor(4.6),
    }
    names = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc",
             "mlp.fc2": "mlp.c_proj", "self_attn.out_proj": "attn.out_proj"}
    for kind in ("weight", "bias"):
        result[f"ln_final.{kind}"] = tensors[f"final_layer_norm.{kind}"]
        for i in range(count):
            old, new = f"encoder.layers.{i}", f"transformer.resblocks.{i}"
            result[f"{new}.attn.in_proj_{kind}"] = torch.cat(
                [tensors[f"{old}.self_attn.{q}_proj.{kind}"] for q in "qkv"])
            for a, b in names.items():
                result[f"{new}.{b}.{kind}"] = tensors[f"{old}.{a}.{kind}"]
    return result


def single_file(kind: str, k: dict, tensors: dict) -> dict:
    """All parts under their original names."""
    result = {"model.diffusion_model." + ldm_unet(name, k["layers"], k["attention"]): value
              for name, value in tensors["unet"].items()}
    for name, value in tensors["vae"].items():
        if "attentions" in name and value.ndim == 2:
            value = value[:, :, None, None]
        result["first_stage_model." + ldm_vae(name, 4)] = value
    text = tensors["text_encoder"]
    if kind == "sd2":
        text = {"cond_stage_model.model." + n: v for n, v in open_clip(text, 2).items()}
    else:
        text = {"cond_stage_model.transformer.text_model." + n: v for n, v in text.items()}
    return {n: v.contiguous() for n, v in (result | text).items()}


def write_tokenizer(folder: pathlib.Path, kind: str) -> CLIPTokenizer:
    """The tokenizer as it is published with Stable Diffusion."""
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary()))
    (folder / "merges.txt").write_text(MERGES.read_text())
    mark = dict(lstrip=False, normalized=True, rstrip=False, single_word=False)
    (folder / "special_tokens_map.json").write_text(json.dumps(dict(
        bos_token=mark | {"content": "<|startoftext|>"}, eos_token=mark | {"content": "<|endoftext|>"},
        unk_token=mark | {"content": "<|endoftext|>"},
        pad_token="!" if kind == "sd2" else "<|endoftext|>")))
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(
        tokenizer_class="CLIPTokenizer", model_max_length=77, do_lower_case=True)))
    return CLIPTokenizer.from_pretrained(folder)


def make(kind: str, out: pathlib.Path) -> None:
    """Writes one kind."""
    k = KINDS[kind]
    modules, scheduler = parts(kind, k)
    tensors = {}
    for component, module in modules.items():
        tensors[component] = {
            name.removeprefix("text_model."): weights(
                component, name.removeprefix("text_model."), tuple(value.shape))
            for name, value in module.state_dict().items()}
    described = {
        component: dict(
            config=module.config.to_dict() if component == "text_encoder" else dict(module.config),
            tensors={name: list(value.shape) for name, value in tensors[component].items()
                     if component != "vae" or name.startswith(("decoder.", "post_quant_conv."))})
        for component, module in modules.items()}
    described["scheduler"] = dict(scheduler.config) | {"_class_name": "DDIMScheduler"}
    text = json.dumps(described, separators=(",", ":"), default=list)
    (out / f"{kind}.json").write_text(text + "\n")
    if kind == "bk":
        return
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        tokenizer = write_tokenizer(folder / "source", kind)
        pipeline = StableDiffusionPipeline(
            modules["vae"], modules["text_encoder"], tokenizer, modules["unet"], scheduler, None, None,
            requires_safety_checker=False)
        pipeline.save_pretrained(folder / "config", safe_serialization=True)
        file = folder / "model.safetensors"
        save_file(single_file(kind, k, tensors), file)
        read = StableDiffusionPipeline.from_single_file(
            str(file), config=str(folder / "config"), local_files_only=True, torch_dtype=torch.float32)
        read.set_progress_bar_config(disable=True)
        for component, module in modules.items():
            loaded = {n.removeprefix("text_model."): v
                      for n, v in getattr(read, component).state_dict().items()}
            for name, value in tensors[component].items():
                assert torch.equal(loaded[name], value.float()), (component, name)
        tokens = tokenizer(PROMPTS, padding="max_length", truncation=True, max_length=77)["input_ids"]
        latents = read(
            prompt=PROMPTS[0], negative_prompt=NEGATIVE, num_inference_steps=4, guidance_scale=5.0,
            height=64, width=64, generator=torch.Generator().manual_seed(42),
            output_type="latent").images
        image = read.vae.decode(latents / read.vae.config.scaling_factor).sample
        makers = (torch, diffusers, transformers)
        save_file(
            dict(tokens=torch.tensor(tokens), latents=latents.contiguous(), image=image.contiguous()),
            out / f"{kind}.safetensors",
            metadata={"made_by": ", ".join(f"{m.__name__} {m.__version__.split('+')[0]}" for m in makers)})


@torch.no_grad()
def main(out_dir: str) -> None:
    """Writes everything into out_dir."""
    for kind in KINDS:
        make(kind, pathlib.Path(out_dir))


if __name__ == "__main__":
    main(str(ROOT / OUT_DIR))
