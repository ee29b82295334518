# SPDX-License-Identifier: Apache-2.0
"""Small models with random weights, and what diffusers and transformers compute with them.

Written below Tests/ParityTests/Goldens: one directory per model in diffusers' layout, f16, and
beside it `<model>.safetensors` with inputs and results in f32. The embedded model gets goldens too.
Together the models use every layer and every spelling of a checkpoint that the loader knows.
Results of inner layers are sampled at a few places, enough to identify the first layer that differs.
"""

import json
import pathlib
import shutil

import diffusers
import numpy as np
import torch
import transformers
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.image_processor import VaeImageProcessor
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

OUT_DIR = "Tests/ParityTests/Goldens"
ROOT = pathlib.Path(__file__).resolve().parents[2]
POSTCARDS = ROOT / "Sources/EmbeddedModel/Resources/postcards"
SAMPLED = 192

# Like Stable Diffusion 1.x: the head "dimension" is the number of heads, projections are 1x1
# convolutions.
TINY = {
    "unet": dict(block_out_channels=(16, 32, 32, 32), layers_per_block=1, cross_attention_dim=48,
                 attention_head_dim=4, norm_num_groups=16),
    "text": dict(hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
                 hidden_act="quick_gelu"),
    "vae": dict(block_out_channels=(16, 32, 32, 32), layers_per_block=1, norm_num_groups=8),
}
# Like Stable Diffusion 2.x: heads per level, linear projections, gelu; several shards.
TINY2 = {
    "unet": dict(block_out_channels=(16, 16, 32, 32), layers_per_block=2, cross_attention_dim=40,
                 attention_head_dim=(2, 2, 4, 1), norm_num_groups=8, use_linear_projection=True,
                 upcast_attention=True),
    "text": dict(hidden_size=40, intermediate_size=80, num_hidden_layers=2, num_attention_heads=5,
                 hidden_act="gelu"),
    "vae": dict(block_out_channels=(8, 16, 24), layers_per_block=2, norm_num_groups=4,
                down_block_types=("DownEncoderBlock2D",) * 3,
                up_block_types=("UpDecoderBlock2D",) * 3,
                use_post_quant_conv=False, mid_block_add_attention=False, scaling_factor=0.13025,
                shift_factor=0.1159, sample_size=32),
}
# Settings of published configurations that the two above do not use.
MIXED = {
    "unet": dict(block_out_channels=(12, 24, 30), layers_per_block=(1, 2, 1),
                 cross_attention_dim=40,
                 down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
                 up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"),
                 transformer_layers_per_block=(1, 2, 2), only_cross_attention=(False, True, False),
                 attention_head_dim=(2, 3, 3), norm_num_groups=6, flip_sin_to_cos=False,
                 freq_shift=1, center_input_sample=True, time_cond_proj_dim=20,
                 time_embedding_dim=56, act_fn="gelu", norm_eps=1e-3, conv_in_kernel=1),
}
# The mid block without attention; one level without any attention.
PLAIN = {
    "unet": dict(block_out_channels=(16, 24), layers_per_block=1, cross_attention_dim=40,
                 down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                 up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
                 mid_block_type="UNetMidBlock2D", attention_head_dim=2, norm_num_groups=8),
}


def randomize(module: torch.nn.Module) -> torch.nn.Module:
    """Norms that have an effect, attention that is not uniform; weights representable in f16."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "norm" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
            elif name.endswith(("to_q.weight", "to_k.weight", "q_proj.weight", "k_proj.weight")):
                parameter.mul_(3)
    return module.half().float().eval()


def save(module, folder: pathlib.Path, **options) -> None:
    """Saves the f16 copy of a module."""
    module.half().save_pretrained(folder, **options)
    module.float()


def rewrite(file: pathlib.Path, change) -> None:
    """Renames or adds tensors of a file."""
    tensors = {k: v.contiguous() for k, v in change(load_file(file)).items()}
    save_file(tensors, file, metadata={"format": "pt"})


def prefixed(tensors: dict) -> dict:
    """The text encoder as transformers before version 5 wrote it."""
    tensors = {"text_model." + k.removeprefix("text_model."): v for k, v in tensors.items()}
    tensors["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    return tensors


def old_attention(tensors: dict) -> dict:
    """The VAE's attention as diffusers before 0.17 wrote it, its weights as 1x1 convolutions."""
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    result = {}
    for key, value in tensors.items():
        if ".attentions." in key:
            for new, old in names.items():
                key = key.replace(f".{new}.", f".{old}.")
            if value.ndim == 2:
                value = value[:, :, None, None]
        result[key] = value
    return result


class Recorder:
    """Takes samples of what the parts of a module return, by name."""

    def __init__(self, module: torch.nn.Module, names: dict):
        self.samples = {}
        parts = dict(module.named_modules())
        self.handles = [
            parts[part].register_forward_hook(lambda m, i, o, label=label: self.take(label, o))
            for label, part in names.items()
        ]

    def take(self, label: str, output) -> None:
        """Values at evenly spread places of the channels-last tensor."""
        value = output if torch.is_tensor(output) else output[0]
        if value.ndim == 4:
            value = value.permute(0, 2, 3, 1)
        flat = value.flatten()
        places = torch.arange(SAMPLED) * flat.numel() // SAMPLED
        self.samples[label] = flat[places].float().contiguous()

    def close(self) -> dict:
        """Ends the recording."""
        for handle in self.handles:
            handle.remove()
        return self.samples


def unet_parts(unet: UNet2DConditionModel) -> dict:
    """The steps of a U-Net by the names that the observer uses."""
    parts = {"conv_in": "conv_in"}
    if unet.mid_block is not None:
        parts["mid_block"] = "mid_block"
    for way, blocks in (("down_blocks", unet.down_blocks), ("up_blocks", unet.up_blocks)):
        for i, block in enumerate(blocks):
            for j in range(len(block.resnets)):
                kind = "attentions" if hasattr(block, "attentions") else "resnets"
                parts[f"{way}.{i}.{j}"] = f"{way}.{i}.{kind}.{j}"
            if way == "down_blocks" and block.downsamplers is not None:
                parts[f"{way}.{i}.downsamplers.0"] = f"{way}.{i}.downsamplers.0"
    return parts


def unet_goldens(unet: UNet2DConditionModel, tensors: dict, cases: list) -> None:
    """Cases are (name, batch, height, width, timestep)."""
    recorded = False
    for name, batch, height, width, timestep in cases:
        sample = torch.randn(batch, 4, height, width)
        text = torch.randn(batch, 77, unet.config.cross_attention_dim)
        options = {}
        if unet.config.time_cond_proj_dim is not None:
            guidance = diffusers.LatentConsistencyModelPipeline.get_guidance_scale_embedding(
                None, torch.tensor([7.5 - 1]), embedding_dim=unet.config.time_cond_proj_dim)
            tensors[f"unet.{name}.guidance"] = guidance
            options["timestep_cond"] = guidance.repeat(batch, 1)
        recorder = Recorder(unet, unet_parts(unet)) if not recorded else None
        output = unet(sample, timestep, text, **options).sample
        if recorder:
            tensors.update({f"unet.{name}.layer.{k}": v for k, v in recorder.close().items()})
            recorded = True
        tensors[f"unet.{name}.timestep"] = torch.tensor([float(timestep)])
        tensors[f"unet.{name}.sample"] = sample
        tensors[f"unet.{name}.text"] = text
        tensors[f"unet.{name}.output"] = output


def text_goldens(encoder: CLIPTextModel, tensors: dict) -> None:
    """Hidden states of random tokens, without and with layers left out."""
    tokens = torch.randint(0, encoder.config.vocab_size, (1, 77))
    count = encoder.config.num_hidden_layers
    root = "text_model." if hasattr(encoder, "text_model") else ""
    parts = {"embeddings": f"{root}embeddings"}
    parts.update({f"encoder.layers.{i}": f"{root}encoder.layers.{i}" for i in range(count)})
    recorder = Recorder(encoder, parts)
    result = encoder(tokens, output_hidden_states=True)
    tensors.update({f"text.layer.{k}": v for k, v in recorder.close().items()})
    norm = dict(encoder.named_modules())[f"{root}final_layer_norm"]
    tensors["text.tokens"] = tokens
    tensors["text.output"] = result.last_hidden_state
    # StableDiffusionPipeline.encode_prompt with clip_skip=1, which A1111 calls 2.
    tensors["text.clip_skip_2"] = norm(result.hidden_states[-2])


def vae_goldens(vae: AutoencoderKL, tensors: dict, cases: list) -> None:
    """Cases are (name, batch, height, width); latents are as sampling leaves them."""
    scale, shift = vae.config.scaling_factor, vae.config.shift_factor or 0
    decoder = vae.decoder
    parts = {"conv_in": "conv_in"}
    parts.update({f"mid_block.resnets.{i}": f"mid_block.resnets.{i}" for i in range(2)})
    for i, block in enumerate(decoder.up_blocks):
        names = [f"up_blocks.{i}.resnets.{j}" for j in range(len(block.resnets))]
        parts.update({name: name for name in names})
        if block.upsamplers is not None:
            parts[f"up_blocks.{i}.upsamplers.0"] = f"up_blocks.{i}.upsamplers.0"
    for index, (name, batch, height, width) in enumerate(cases):
        latents = torch.randn(batch, 4, height, width) * 0.5
        recorder = Recorder(decoder, parts) if index == 0 else None
        image = vae.decode(latents / scale + shift).sample
        if recorder:
            tensors.update({f"vae.{name}.layer.{k}": v for k, v in recorder.close().items()})
        tensors[f"vae.{name}.latents"] = latents
        tensors[f"vae.{name}.image"] = image
        if index == 0:
            pixels = np.asarray(VaeImageProcessor().postprocess(image[:1] * 1.5)[0])
            tensors[f"vae.{name}.pixels"] = torch.from_numpy(pixels.copy())


def write(path: pathlib.Path, tensors: dict) -> None:
    """Writes goldens with the versions that made them."""
    # One entry: the order of several would change from run to run.
    makers = (torch, diffusers, transformers)
    versions = ", ".join(f"{m.__name__} {m.__version__.split('+')[0]}" for m in makers)
    tensors = {k: v.detach().contiguous() for k, v in tensors.items()}
    save_file(tensors, path, metadata={"made_by": versions})


def fill(config: dict) -> dict:
    """A U-Net configuration with Stable Diffusion's four blocks unless it names its own."""
    blocks = dict(down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
                  up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3)
    return dict(sample_size=16, in_channels=4, out_channels=4) | blocks | config


def tiny_models(out: pathlib.Path) -> None:
    """tiny, tiny2, mixed and plain."""
    for name, config in (("tiny", TINY), ("tiny2", TINY2), ("mixed", MIXED), ("plain", PLAIN)):
        torch.manual_seed(0)
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        tensors = {}
        unet = randomize(UNet2DConditionModel(**fill(config["unet"])))
        shards = dict(max_shard_size="250KB", variant="fp16") if name == "tiny2" else {}
        save(unet, folder / "unet", **shards)
        cases = [("t981", 1, 16, 16, 981), ("t1", 1, 16, 16, 1), ("odd", 2, 9, 14, 500.25)]
        unet_goldens(unet, tensors, cases)
        if "text" in config:
            encoder = randomize(CLIPTextModel(CLIPTextConfig(
                vocab_size=300, max_position_embeddings=77, **config["text"])))
            save(encoder, folder / "text_encoder")
            text_goldens(encoder, tensors)
            vae_config = dict(sample_size=64, down_block_types=("DownEncoderBlock2D",) * 4,
                              up_block_types=("UpDecoderBlock2D",) * 4) | config["vae"]
            vae_config = dict(in_channels=3, out_channels=3, latent_channels=4) | vae_config
            vae = randomize(AutoencoderKL(**vae_config))
            save(vae, folder / "vae", **(dict(variant="fp16") if name == "tiny2" else {}))
            cases = [("plain", 1, 8, 8), ("odd", 2, 5, 7), ("large", 1, 13, 18)]
            vae_goldens(vae, tensors, cases)
        if name == "tiny":
            rewrite(folder / "text_encoder/model.safetensors", prefixed)
            rewrite(folder / "vae/diffusion_pytorch_model.safetensors", old_attention)
        drop_encoder(folder / "vae")
        write(out / f"{name}.safetensors", tensors)


def drop_encoder(folder: pathlib.Path) -> None:
    """Leaves one tensor of the VAE's encoder in the file, to be ignored, and drops the others."""
    for file in folder.glob("*.safetensors"):
        rewrite(file, lambda tensors: {
            k: v for k, v in tensors.items()
            if k == "encoder.conv_in.bias" or not k.startswith(("encoder.", "quant_conv."))})


def postcards(out: pathlib.Path) -> None:
    """The embedded model."""
    torch.manual_seed(0)
    tensors = {}
    options = dict(torch_dtype=torch.float32)
    unet = UNet2DConditionModel.from_pretrained(POSTCARDS / "unet", **options).eval()
    cases = [("t981", 1, 32, 32, 981), ("t1", 1, 32, 32, 1), ("odd", 1, 19, 27, 400)]
    unet_goldens(unet, tensors, cases)
    encoder = CLIPTextModel.from_pretrained(POSTCARDS / "text_encoder", **options).eval()
    text_goldens(encoder, tensors)
    vae = AutoencoderKL.from_pretrained(POSTCARDS / "vae", **options).eval()
    vae_goldens(vae, tensors, [("plain", 1, 12, 16)])
    write(out / "postcards.safetensors", tensors)


@torch.no_grad()
def main(out_dir: str) -> None:
    """Writes everything into out_dir."""
    out = pathlib.Path(out_dir)
    tiny_models(out)
    postcards(out)


if __name__ == "__main__":
    main(str(ROOT / OUT_DIR))
