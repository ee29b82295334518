# SPDX-License-Identifier: Apache-2.0
"""What pytorch-fid, transformers, lpips and Pillow say of pictures, with random weights.

Written to Tests/EvaluationTests/Goldens/standard: `metrics.safetensors` with the results, `clip/`, a small
CLIP in Hugging Face's layout, and JPEG files of every kind. The weights of Inception and LPIPS are too large
to keep: `random_values` draws them by name, and the tests draw the same. Pictures are those of `judge`.
Needs torch, torchvision, transformers, pytorch-fid, lpips, scipy, pillow.
"""

import io
import json
import pathlib
import sys

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT_DIR = "Tests/EvaluationTests/Goldens/standard"
PICTURES = ROOT / "Tests/EvaluationTests/Goldens/judge"
COUNT = 8
CAPTIONS = ["a red house", "a palm tree on the beach at night", ""]


def random_values(name, count, limit):
    """Uniform values within +-limit, from SplitMix64 seeded with FNV-1a of the name."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) % 2**64
    with np.errstate(over="ignore"):
        word = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        word = word ^ (word >> np.uint64(31))
    values = (word >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return values * np.float32(limit)


def random_kernel(name, shape):
    """`[outputs, inputs, height, width]`, drawn as `[outputs, height, width, inputs]`."""
    outputs, inputs, height, width = shape
    fan_in = inputs * height * width
    values = random_values(f"{name}.weight", outputs * fan_in, (6 / fan_in) ** 0.5)
    kernel = torch.from_numpy(values).reshape(outputs, height, width, inputs)
    return kernel.permute(0, 3, 1, 2).contiguous()


def random_bias(name, count):
    return torch.from_numpy(random_values(f"{name}.bias", count, 0.1))


def inception():
    """pytorch-fid's network with random weights; its batch norms only add a bias."""
    sys.path.insert(0, str(ROOT / "scripts"))
    import convert_inception
    import pytorch_fid.inception as reference

    state = {}

    def random_state(*_, **__):
        return state

    model = reference._inception_v3(num_classes=1008, aux_logits=False, weights=None)
    for block, (kind, *arguments) in {
        "Mixed_5b": (reference.FIDInceptionA, 192, 32), "Mixed_5c": (reference.FIDInceptionA, 256, 64),
        "Mixed_5d": (reference.FIDInceptionA, 288, 64), "Mixed_6b": (reference.FIDInceptionC, 768, 128),
        "Mixed_6c": (reference.FIDInceptionC, 768, 160), "Mixed_6d": (reference.FIDInceptionC, 768, 160),
        "Mixed_6e": (reference.FIDInceptionC, 768, 192), "Mixed_7b": (reference.FIDInceptionE_1, 1280),
        "Mixed_7c": (reference.FIDInceptionE_2, 2048),
    }.items():
        setattr(model, block, kind(*arguments))
    for key, value in model.state_dict().items():
        name = key.removesuffix(".conv.weight")
        if key.endswith(".conv.weight"):
            state[key] = random_kernel(name, value.shape)
            state[f"{name}.bn.weight"] = torch.ones(len(value))
            state[f"{name}.bn.bias"] = random_bias(name, len(value))
            state[f"{name}.bn.running_mean"] = torch.zeros(len(value))
            state[f"{name}.bn.running_var"] = torch.full((len(value),), 1 - convert_inception.EPSILON)
        elif ".bn." not in key or key.endswith("num_batches_tracked"):
            state[key] = torch.zeros_like(value)
    reference.load_state_dict_from_url = random_state
    check_folding(model, convert_inception)
    return reference.InceptionV3([reference.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval()


def check_folding(model, convert_inception):
    """The script folds batch norms of any statistics: compared with torch on one layer."""
    layer = model.Mixed_5b.branch5x5_2.eval()
    generator = torch.Generator().manual_seed(0)
    for values in (layer.bn.weight, layer.bn.bias, layer.bn.running_mean, layer.bn.running_var):
        values.data = torch.rand(values.shape, generator=generator) + 0.5
    picture = torch.rand(1, 48, 9, 9, generator=generator)
    weights = convert_inception.converted({f"x.{k}": v for k, v in layer.state_dict().items()})
    kernel = weights["x.weight"].reshape(64, 5, 5, 48).permute(0, 3, 1, 2)
    found = torch.nn.functional.conv2d(picture, kernel, weights["x.bias"], padding=2).relu()
    assert torch.allclose(found, layer(picture), atol=1e-5), "convert_inception folds wrongly"


def clean_pixels(image):
    """clean-fid's resizing, mode `clean`: Pillow's bicubic on f32 channels, clipped."""
    planes = [Image.fromarray(np.asarray(image)[:, :, c].astype(np.float32), mode="F")
              .resize((299, 299), Image.BICUBIC) for c in range(3)]
    return np.stack([np.asarray(plane).clip(0, 255) for plane in planes])


def inception_results(images):
    from pytorch_fid.fid_score import calculate_frechet_distance

    model = inception()
    pixels = torch.stack([torch.from_numpy(np.asarray(i)).permute(2, 0, 1) / 255 for i in images])
    legacy = torch.cat([model(p[None])[0][:, :, 0, 0] for p in pixels])
    clean = []
    for image in images:
        hidden = (torch.from_numpy(clean_pixels(image))[None] - 128) / 128
        for block in model.blocks:
            hidden = block(hidden)
        clean.append(hidden[:, :, 0, 0])
    half = COUNT // 2
    sets = [legacy[:half].double().numpy(), legacy[half:].double().numpy()]
    fid = calculate_frechet_distance(
        *(f(s) for s in sets for f in (lambda x: x.mean(0), lambda x: np.cov(x, rowvar=False))))
    return {"inception_legacy": legacy, "inception_clean": torch.cat(clean),
            "inception_fid": torch.tensor([fid], dtype=torch.float32)}


def lpips_results(images):
    sys.path.insert(0, str(ROOT / "scripts"))
    import lpips

    results = {}
    pixels = [torch.from_numpy(np.asarray(i)).permute(2, 0, 1)[None] / 127.5 - 1 for i in images]
    for net in ("alex", "vgg"):
        model = lpips.LPIPS(net=net, pretrained=False, pnet_rand=True, verbose=False).eval()
        kernels = [m for m in model.net.modules() if isinstance(m, torch.nn.Conv2d)]
        for number, layer in enumerate(kernels):
            layer.weight.data = random_kernel(f"conv{number}", layer.weight.shape)
            layer.bias.data = random_bias(f"conv{number}", len(layer.bias))
        for number, layer in enumerate(model.lins):
            values = np.abs(random_values(f"lin{number}", layer.model[-1].weight.numel(), 1))
            layer.model[-1].weight.data = torch.from_numpy(values).reshape(1, -1, 1, 1)
        values = [model(pixels[0], pixels[i]).item() for i in (1, 2)]
        results[f"lpips_{net}"] = torch.tensor(values, dtype=torch.float32)
    return results


def clip_results(images, out_dir):
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(ROOT / "Sources/EmbeddedModel/Resources/postcards/tokenizer")
    torch.manual_seed(5)
    layers = {"intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = CLIPConfig(
        text_config={"hidden_size": 48, "vocab_size": len(tokenizer), "max_position_embeddings": 77,
                     "eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.bos_token_id,
                     "pad_token_id": tokenizer.pad_token_id, **layers},
        vision_config={"hidden_size": 64, "image_size": 32, "patch_size": 8, "hidden_act": "gelu", **layers},
        projection_dim=24)
    model = CLIPModel(config).eval()
    for value in model.parameters():
        value.data += 0.1 * torch.randn_like(value)
    model.save_pretrained(f"{out_dir}/clip")
    mean, std = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])

    def prepared(image):
        shorter = min(image.size)
        width, height = (32 * side // shorter for side in image.size)
        image = image.resize((width, height), Image.BICUBIC)
        left, top = (width - 32) // 2, (height - 32) // 2
        pixels = np.asarray(image.crop((left, top, left + 32, top + 32))).astype(np.float32) / 255
        return torch.from_numpy((pixels - np.float32(mean)) / np.float32(std)).permute(2, 0, 1)[None]

    wide = images[1].crop((0, 30, 250, 200))
    pictures = [vector(model.get_image_features(pixel_values=prepared(i))) for i in (images[0], wide)]
    texts = [vector(model.get_text_features(**tokenizer(c, return_tensors="pt"))) for c in CAPTIONS]
    return {"clip_pictures": torch.cat(pictures), "clip_captions": torch.cat(texts)}


def vector(output):
    """Newer transformers return the embedding inside an object."""
    return output if isinstance(output, torch.Tensor) else output.pooler_output


def jpeg_results(images, out_dir):
    """Files of every kind, and what Pillow reads from them."""
    small = images[2].resize((45, 37), Image.BICUBIC)
    ink = np.asarray(small.convert("CMYK")).copy()
    ink[..., 3] = np.arange(37)[:, None] * 6
    kinds = {
        "colour": (small, {"quality": 85}), "full": (small, {"quality": 95, "subsampling": 0}),
        "progressive": (small, {"quality": 70, "progressive": True}),
        "grey": (small.convert("L"), {"quality": 80}), "inks": (Image.fromarray(ink, "CMYK"), {"quality": 90}),
    }
    results = {}
    for name, (image, options) in kinds.items():
        path = pathlib.Path(out_dir) / f"{name}.jpg"
        image.save(path, "JPEG", **options)
        pixels = np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB")).copy()
        results[f"jpeg_{name}"] = torch.from_numpy(pixels)
    return results


def scaling_results(images):
    image = images[0]
    planes = [Image.fromarray(np.asarray(image)[:, :, c].astype(np.float32), mode="F")
              .resize((37, 301), Image.BICUBIC) for c in range(3)]
    return {"scaled": torch.from_numpy(np.stack([np.asarray(p) for p in planes], axis=-1).copy()),
            "scaled_bytes": torch.from_numpy(np.asarray(image.resize((37, 301), Image.BICUBIC)).copy())}


@torch.no_grad()
def main(out_dir: str) -> None:
    images = [Image.open(PICTURES / f"{i:05}.png").convert("RGB") for i in range(COUNT)]
    results = (scaling_results(images) | jpeg_results(images, out_dir) | clip_results(images, out_dir)
               | lpips_results(images) | inception_results(images))
    save_file({name: value.contiguous() for name, value in results.items()},
              f"{out_dir}/metrics.safetensors", metadata={"captions": json.dumps(CAPTIONS)})
