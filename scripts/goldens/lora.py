# SPDX-License-Identifier: Apache-2.0
"""LoRA files of every type, and the weights that diffusers, PEFT and LyCORIS make of them.

Written to Tests/ParityTests/Goldens: `lora.json` with the files (names and shapes of tensors, α, header
metadata) and the cases (which files at which weights), `lora.safetensors` with samples of the merged
weights of the model `tiny`, and latents and picture of the embedded model with a LoRA. The files' values
are in no file: both sides compute them from the tensors' names.

Kohya's, PEFT's and diffusers' own spellings are fused by diffusers (`load_lora_weights`, `fuse_lora`);
LoCon, LoHa, LoKr, full, norm and DoRA are LyCORIS modules. Their weight is the one that LyCORIS trains
with (`get_weight`): `get_merged_weight` of its version 4.1.3 applies α/rank twice for LoHa and LoKr.
"""

import json
import pathlib
import tempfile

import diffusers
import lycoris
import numpy as np
import peft
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from lycoris.functional.general import weight_decompose
from lycoris.modules.full import FullModule
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from lycoris.modules.norms import NormModule
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from single_file import mix
from transformers import CLIPTextModel, CLIPTokenizer

OUT_DIR = "Tests/ParityTests/Goldens"
ROOT = pathlib.Path(__file__).resolve().parents[2]
TINY = ROOT / OUT_DIR / "tiny"
POSTCARDS = ROOT / "Sources/EmbeddedModel/Resources/postcards"
SAMPLED = 48
# What of PEFT's configuration decides the weights.
CONFIGURATION = ("r", "rank_pattern", "lora_alpha", "alpha_pattern", "use_rslora", "use_dora", "target_modules")
PROMPT = "a red house beside a pine tree in a snowy field"

files: dict = {}
cases: list = []
tensors: dict = {}


def values(file: str, key: str, shape) -> torch.Tensor:
    """The values of a tensor of a LoRA: magnitudes around 1, all else small."""
    u = mix(f"{file}/{key}", int(np.prod(shape)))
    is_magnitude = "dora_scale" in key or "magnitude" in key
    scaled = np.float32(1) + u * np.float32(0.25) if is_magnitude else u * np.float32(0.25)
    return torch.from_numpy(scaled.reshape(shape))


def describe(name: str, state: dict, metadata: dict | None = None, alphas: dict | None = None) -> dict:
    """Notes a file and returns its tensors, with the values that both sides compute.

    `alphas` are by stem; one that all share is noted once.
    """
    alphas = alphas or {}
    shapes = {key: list(value.shape) for key, value in state.items() if not key.endswith(".alpha")}
    shared = set(alphas.values())
    files[name] = {"tensors": shapes, "metadata": metadata or {}}
    files[name] |= {"alpha": shared.pop()} if len(shared) == 1 else {"alphas": alphas}
    result = {key: values(name, key, shape) for key, shape in shapes.items()}
    return result | {f"{key}.alpha": torch.tensor(value) for key, value in alphas.items()}


def note(case: str, loras: list, modules: dict) -> None:
    """Notes samples of merged weights, by component and name."""
    for name, value in modules.items():
        flat = value.detach().float().flatten()
        count = min(SAMPLED, flat.numel())
        tensors[f"{case}|{name}"] = flat[torch.arange(count) * flat.numel() // count].contiguous()
    cases.append({"name": case, "loras": loras})


def pipeline(folder=TINY) -> StableDiffusionPipeline:
    """A pipeline of a small model's U-Net and text encoder, the rest being the embedded model's."""
    def load(kind, path):
        return kind.from_pretrained(path, torch_dtype=torch.float32)

    made = StableDiffusionPipeline(
        load(AutoencoderKL, POSTCARDS / "vae"), load(CLIPTextModel, folder / "text_encoder"),
        CLIPTokenizer.from_pretrained(POSTCARDS / "tokenizer"), load(UNet2DConditionModel, folder / "unet"),
        DDIMScheduler.from_pretrained(POSTCARDS / "scheduler"), None, None, requires_safety_checker=False)
    made.set_progress_bar_config(disable=True)
    return made


def layers(p):
    """The layers that LoRAs train: component, name, module."""
    for component in ("unet", "text_encoder"):
        for name, module in getattr(p, component).named_modules():
            if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
                yield component, name.removeprefix("text_model."), module


def weights_of(p, changed_from: dict | None = None) -> dict:
    """All weights of U-Net and text encoder that a LoRA has changed."""
    result = {}
    for component in ("unet", "text_encoder"):
        for name, value in getattr(p, component).state_dict().items():
            result[f"{component}/{name.removeprefix('text_model.')}"] = value
    if changed_from is not None:
        result = {n: v for n, v in result.items() if not torch.equal(v, changed_from[n])}
    return result


def stem(component: str, name: str) -> str:
    """kohya's name of a layer."""
    prefix = "lora_unet_" if component == "unet" else "lora_te_text_model_"
    return prefix + name.replace(".", "_")


def kohya(file: str, p, rank: int, alpha: float) -> dict:
    """A LoRA for all products and convolutions, as sd-scripts names it."""
    state, alphas = {}, {}
    for component, name, module in layers(p):
        shape = tuple(module.weight.shape)
        ones = (1,) * (len(shape) - 2)
        key = stem(component, name)
        state[f"{key}.lora_down.weight"] = torch.empty(rank, *shape[1:])
        state[f"{key}.lora_up.weight"] = torch.empty(shape[0], rank, *ones)
        alphas[key] = alpha
    return describe(file, state, alphas=alphas)


def checked(p, before: dict, *loras) -> dict:
    """The merged weights, after a comparison with the definition.

    transformers 5 reports the first adapter of a text encoder as missing when it reads the second.
    """
    merged = weights_of(p, before)
    for name, value in merged.items():
        component, module = name.removesuffix(".weight").split("/")
        expected = before[name].clone()
        for state, weight in loras:
            key = stem(component, module)
            up, down = state[f"{key}.lora_up.weight"], state[f"{key}.lora_down.weight"]
            scale = weight * float(state[f"{key}.alpha"]) / up.shape[1]
            expected += scale * (up.flatten(1) @ down.flatten(1)).reshape(expected.shape)
        assert torch.allclose(value, expected, atol=1e-6), name
    return merged


def kohya_cases() -> None:
    """One LoRA at 0.8; two at once, one of them backwards."""
    p = pipeline()
    before = {n: v.clone() for n, v in weights_of(p).items()}
    first, second = kohya("first", p, 2, 1.0), kohya("second", p, 3, 4.5)
    p.load_lora_weights(dict(first))
    p.fuse_lora(lora_scale=0.8)
    p.unload_lora_weights()
    note("kohya", [["first", 0.8, 0.8]], checked(p, before, (first, 0.8)))
    p = pipeline()
    p.load_lora_weights(dict(first), adapter_name="first")
    p.load_lora_weights(dict(second), adapter_name="second")
    p.set_adapters(["first", "second"], [0.7, -0.4])
    p.fuse_lora(adapter_names=["first", "second"])
    p.unload_lora_weights()
    merged = checked(p, before, (first, 0.7), (second, -0.4))
    note("two", [["first", 0.7, 0.7], ["second", -0.4, -0.4]], merged)


def saved(file: str, unet: dict, text: dict | None) -> tuple:
    """A LoRA as diffusers saves it, with PEFT's configuration in the header."""
    p = pipeline()
    parts = (("unet", p.unet, unet), ("text_encoder", p.text_encoder, text))
    with tempfile.TemporaryDirectory() as folder:
        arguments = {}
        for component, module, options in parts:
            if not options:
                continue
            module.add_adapter(LoraConfig(**options))
            arguments[f"{component}_lora_layers"] = get_peft_model_state_dict(module)
            arguments[f"{component}_lora_adapter_metadata"] = module.peft_config["default"].to_dict()
        StableDiffusionPipeline.save_lora_weights(folder, **arguments)
        path = f"{folder}/pytorch_lora_weights.safetensors"
        with safe_open(path, "pt") as opened:
            configuration = json.loads(opened.metadata()["lora_adapter_metadata"])
        kept = {k: v for k, v in configuration.items() if k.split(".", 1)[1] in CONFIGURATION}
        metadata = {"lora_adapter_metadata": json.dumps(kept), "format": "pt"}
        return describe(file, load_file(path), metadata), metadata


def peft_cases() -> None:
    """What diffusers saves: α only in the header, by module; rsLoRA; DoRA."""
    attention = ["to_q", "to_k", "to_v", "to_out.0"]
    text = ["q_proj", "v_proj", "fc1"]
    kinds = {
        "peft": (dict(r=3, lora_alpha=5, target_modules=attention + ["conv1", "proj_in"],
                      alpha_pattern={"mid_block.attentions.0.proj_in": 2, "conv1": 1.5}),
                 dict(r=2, lora_alpha=7, target_modules=text)),
        "rslora": (dict(r=4, lora_alpha=3, target_modules=attention, use_rslora=True),
                   dict(r=2, lora_alpha=2, target_modules=text, use_rslora=True)),
        # Of a text encoder transformers 5 does not read the magnitudes.
        "dora": (dict(r=2, lora_alpha=3, target_modules=attention + ["conv1"], use_dora=True), None),
    }
    for name, (unet, te) in kinds.items():
        state, metadata = saved(name, unet, te)
        p = pipeline()
        before = {n: v.clone() for n, v in weights_of(p).items()}
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/{name}.safetensors"
            save_file(state, path, metadata)
            p.load_lora_weights(path)
        weight = 1.0 if name == "dora" else 0.6
        p.fuse_lora(lora_scale=weight)
        p.unload_lora_weights()
        note(name, [[name, weight, weight]], weights_of(p, before))


def older_cases() -> None:
    """The spelling of diffusers' attention processors, without α."""
    p = pipeline()
    before = {n: v.clone() for n, v in weights_of(p).items()}
    state = {}
    for component, name, module in layers(p):
        part = name.rsplit(".", 1)
        outputs, inputs = module.weight.shape[:2]
        if component == "unet" and ".attn" in name:
            path, to = name.removesuffix(".0").rsplit(".", 1)
            key = f"unet.{path}.processor.{to}_lora"
        elif "self_attn" in name:
            key = f"text_encoder.text_model.{part[0]}.to_{part[1].removesuffix('_proj')}_lora"
        else:
            continue
        state[f"{key}.down.weight"] = torch.empty(2, inputs)
        state[f"{key}.up.weight"] = torch.empty(outputs, 2)
    p.load_lora_weights(describe("processors", state))
    p.fuse_lora(lora_scale=0.5)
    p.unload_lora_weights()
    note("processors", [["processors", 0.5, 0.5]], weights_of(p, before))


LINEAR = "down_blocks.1.attentions.0.transformer_blocks.0.ff.net.0.proj"
POINTWISE = "down_blocks.0.attentions.0.proj_in"
CONVOLUTION = "up_blocks.1.resnets.1.conv1"
TEXT = "encoder.layers.1.mlp.fc1"
PRODUCTS = [("unet", LINEAR), ("unet", POINTWISE), ("unet", CONVOLUTION), ("text_encoder", TEXT)]
NORMS = [("unet", "down_blocks.0.resnets.0.norm1"), ("text_encoder", "final_layer_norm"),
         ("unet", "mid_block.attentions.0.transformer_blocks.0.norm2")]
# Name: LyCORIS module, its options, and the weights at which it is merged.
LYCORIS = {
    "locon": (LoConModule, dict(lora_dim=3, alpha=2), (0.5, -1.25)),
    "tucker": (LoConModule, dict(lora_dim=3, alpha=2, use_tucker=True), (1, 0.75)),
    "loha": (LohaModule, dict(lora_dim=3, alpha=2), (0.5, -1.25)),
    "loha-tucker": (LohaModule, dict(lora_dim=3, alpha=2, use_tucker=True), (1, 0.75)),
    "lokr-full": (LokrModule, dict(lora_dim=3, alpha=2, factor=4, full_matrix=True), (0.5, -1.25)),
    "lokr": (LokrModule, dict(lora_dim=3, alpha=2, factor=4), (1, 0.75)),
    "lokr-both": (LokrModule, dict(lora_dim=1, alpha=2, factor=4, decompose_both=True), (0.5, -1.25)),
    "lokr-tucker": (LokrModule, dict(lora_dim=2, alpha=3, factor=4, use_tucker=True), (1, 0.75)),
    "diff": (FullModule, dict(), (0.5, -1.25)),
    "norm": (NormModule, dict(), (0.5, -1.25)),
    "dora-rows": (LoConModule, dict(lora_dim=3, alpha=2, weight_decompose=True, wd_on_out=True), (0.5, -1.25)),
    "dora-columns": (LoConModule, dict(lora_dim=3, alpha=2, weight_decompose=True, wd_on_out=False), (1, 0.75)),
    "dora-loha": (LohaModule, dict(lora_dim=3, alpha=2, weight_decompose=True, wd_on_out=False), (1, 0.75)),
    "dora-lokr": (LokrModule, dict(lora_dim=3, alpha=2, factor=4, weight_decompose=True), (0.5, -1.25)),
}


def lycoris_cases() -> None:
    """Every other type, on a product, two convolutions, text and norms."""
    p = pipeline()
    for case, (kind, options, (text_weight, unet_weight)) in LYCORIS.items():
        state, alphas, made = {}, {}, []
        for component, name in NORMS if kind is NormModule else PRODUCTS:
            module = dict(
                (n.removeprefix("text_model."), m) for n, m in getattr(p, component).named_modules())[name]
            adapter = kind("", module, 1, **options)
            own = adapter.custom_state_dict() or {
                k: v for k, v in adapter.state_dict().items() if k in ("w_norm", "b_norm")}
            key = stem(component, name)
            for part, value in own.items():
                state[f"{key}.{part}"] = value
                if part == "alpha":
                    alphas[key] = float(value)
            made.append((component, name, module, adapter, list(own)))
        content = describe(case, state, alphas=alphas)
        merged = {}
        for component, name, module, adapter, parts in made:
            for part in parts:
                if part == "alpha":
                    continue
                place = {"diff": "weight", "diff_b": "bias"}.get(part, part).split(".")
                owner = getattr(adapter, place[0]) if len(place) > 1 else adapter
                getattr(owner, place[-1]).data.copy_(content[f"{stem(component, name)}.{part}"])
            weight = unet_weight if component == "unet" else text_weight
            base = module.weight.detach()
            label = f"{component}/{name}"
            if kind is FullModule or kind is NormModule:
                changes = adapter.get_diff_weight(weight)
                merged[f"{label}.weight"] = base + changes[0]
                if changes[1] is not None and module.bias is not None:
                    merged[f"{label}.bias"] = module.bias.detach() + changes[1]
                continue
            if kind is LoConModule:
                change = adapter.get_diff_weight(1, shape=base.shape)[0]
            else:
                change = adapter.get_weight(base.shape)
            if options.get("weight_decompose"):
                decomposed = weight_decompose(
                    base + change, adapter.dora_scale, 1, options.get("wd_on_out", True))
                change = decomposed - base
            merged[f"{label}.weight"] = base + weight * change
        note(case, [[case, text_weight, unet_weight]], merged)


def picture() -> None:
    """An image of the embedded model with a LoRA for all its layers."""
    p = pipeline(POSTCARDS)
    # Small enough for a picture that is still one.
    p.load_lora_weights(kohya("postcards", p, 2, 0.25))
    p.fuse_lora(lora_scale=0.75)
    p.unload_lora_weights()
    latents = p(
        prompt=PROMPT, negative_prompt="blur", num_inference_steps=6, guidance_scale=5.0, height=64,
        width=64, generator=torch.Generator().manual_seed(42), output_type="latent").images
    tensors["latents"] = latents.contiguous()
    tensors["image"] = p.vae.decode(latents / p.vae.config.scaling_factor).sample.contiguous()


@torch.no_grad()
def main(out_dir: str) -> None:
    out = pathlib.Path(out_dir)
    kohya_cases()
    peft_cases()
    older_cases()
    lycoris_cases()
    picture()
    text = json.dumps({"files": files, "cases": cases}, separators=(",", ":"))
    (out / "lora.json").write_text(text + "\n")
    makers = ", ".join(f"{m.__name__} {m.__version__}" for m in (diffusers, peft))
    save_file(tensors, out / "lora.safetensors", metadata={"made_by": f"{makers}, lycoris_lora 4.1.3"})
