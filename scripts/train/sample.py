#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exports the trained parts as a Stable Diffusion pipeline and shows sample pictures.

    python scripts/train/sample.py export --out work/release              # parts of work/ckpt
    python scripts/train/sample.py export --init DIR/model --unet work/ckpt/unet/export \\
        --out work/release                                                # a newer U-Net only
    python scripts/train/sample.py grid   --out work/release
    python scripts/train/sample.py golden --out work/release
    python scripts/train/sample.py score  --out work/release --count 64

`export` writes `--out`/model (diffusers layout, float16) and, if there is a mini-CLIP,
`--out`/clip. `grid` writes samples.png, 24 labelled prompts; `golden` the tensors that other
implementations are tested against, in golden/; `score` the CLIP score and how often the mini-CLIP
prefers the true caption over one with an attribute changed, in score.json. All are deterministic.
"""
import argparse
import copy
import json
import os
import random
import shutil
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file
from transformers import CLIPModel, CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import unet
from common import edit_config, read_rows

TOKENIZER_FILES = (
    "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json",
)
GRID = [
    "a red house beside a pine tree in a snowy field at night under a full moon",
    "a blue car in a sandy desert at sunset",
    "a yellow sailboat by the sea on a clear day with mountains in the background",
    "a pink hot air balloon and a windmill in a green meadow under a blue sky",
    "a white lighthouse on the left on a beach at dawn",
    "a snowman with a green scarf in the snow on an overcast day",
    "a purple tent by a lake under a starry sky with a crescent moon",
    "a cactus on the right in the desert with the sun shining",
    "an orange tree on the left and a blue house on the right in a green meadow with a rainbow",
    "a palm tree and a red car on a beach at sunset",
    "a green windmill in a meadow with white clouds and mountains",
    "pink flowers in a green meadow under the sun",
    "a yellow house in the desert with rolling hills behind under a blue sky",
    "a red lighthouse on the shore of a lake at night under a full moon",
    "a purple sailboat on the right at a lake with mountains in the background at sunset",
    "an orange hot air balloon over a snowy field at dawn",
    "two objects: a pine tree on the left and a yellow tent on the right, snow, mountains",
    "a blue windmill on grass on an overcast day",
    "a white house on a beach with a rainbow",
    "a snowman and a pine tree in the snow under a starry sky",
    "yellow flowers next to a red house in a meadow at dawn",
    "a pink car in the middle in a snowy field during the day",
    "a cactus and an orange tent in a sandy desert at night under a crescent moon",
    "a sailboat with red sails by the sea",
]
GOLDEN = GRID[:3]
GOLDEN_NOTE = (
    "All computed in float32 from the fp16 weights. unet_out_t* take initial_latents as input. "
    "image is the VAE decoder's output before clamping to [-1,1]; final_latents are before "
    "division by scaling_factor."
)

# ---------------------------------------------------------------- export


def load_text_encoder(path):
    """A CLIPTextModel in float16 with its configuration, from either kind of directory."""
    tower = unet.load_text_model(path)
    with open(f"{path}/config.json") as file:
        kind = json.load(file)["model_type"]
    config = CLIPTextConfig.from_pretrained(path) if kind != "clip" else (
        CLIPModel.from_pretrained(path).config.text_config
    )
    model = CLIPTextModel(config)
    wanted = model.state_dict()
    weights = tower.state_dict()
    if not weights.keys() & wanted.keys():
        weights = {"text_model." + k: v for k, v in weights.items()}
    model.load_state_dict(weights)
    return model.half()


def copy_tokenizer(source, target, clean):
    """The four files of the slow tokenizer, and nothing else if `clean`."""
    os.makedirs(target, exist_ok=True)
    if clean:
        for name in os.listdir(target):
            os.remove(f"{target}/{name}")
    for name in TOKENIZER_FILES:
        shutil.copy(f"{source}/{name}", target)


def prefix_text_weights(path):
    """Published Stable Diffusion checkpoints carry the prefix text_model."""
    file = f"{path}/model.safetensors"
    weights = {
        "text_model." + k.removeprefix("text_model."): v.half().contiguous()
        for k, v in load_file(file).items()
    }
    save_file(weights, file, metadata={"format": "pt"})


def export(options):
    """The parts as a diffusers pipeline in float16, and the mini-CLIP beside it."""
    model = f"{options.out}/model"
    shutil.rmtree(model, ignore_errors=True)
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(options.vae, low_cpu_mem_usage=False).half(),
        text_encoder=load_text_encoder(options.text),
        tokenizer=CLIPTokenizer.from_pretrained(options.tokenizer),
        unet=unet.load(options.unet).half(), scheduler=unet.noise_schedule(options.prediction),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )
    pipeline.save_pretrained(model, safe_serialization=True)
    prefix_text_weights(f"{model}/text_encoder")
    edit_config(f"{model}/unet")
    edit_config(f"{model}/vae")
    # Otherwise transformers loads these weights in half precision beside a float32 U-Net.
    edit_config(f"{model}/text_encoder", dtype="float32")
    copy_tokenizer(options.tokenizer, f"{model}/tokenizer", clean=True)
    if os.path.exists(f"{options.clip}/clip.json"):
        os.makedirs(f"{options.out}/clip", exist_ok=True)
        for name in ("clip.json", "clip.safetensors"):
            shutil.copy(f"{options.clip}/{name}", f"{options.out}/clip")
    files = [os.path.join(at, name) for at, _, names in os.walk(model) for name in names]
    print(f"{model}: {sum(map(os.path.getsize, files)) / 1e6:.1f} MB")


# ---------------------------------------------------------------- pictures


def load_pipeline(options):
    """The exported pipeline in float32."""
    pipeline = StableDiffusionPipeline.from_pretrained(
        f"{options.out}/model", safety_checker=None, torch_dtype=torch.float32
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(pipeline, options, captions, seed, part=8, **how):
    """Pictures of the captions; picture i has the seed `seed` + i."""
    out = []
    for start in range(0, len(captions), part):
        texts = captions[start:start + part]
        generators = [
            torch.Generator().manual_seed(seed + start + i) for i in range(len(texts))
        ]
        out.extend(pipeline(
            texts, num_inference_steps=options.steps, guidance_scale=options.guidance,
            generator=generators, height=256, width=256, **how,
        ).images)
    return out


def grid(options):
    """samples.png: six columns of labelled pictures."""
    images = draw(load_pipeline(options), options, GRID, seed=1000)
    columns, cell, label = 6, 264, 44
    rows = -(-len(GRID) // columns)
    page = Image.new("RGB", (columns * cell, rows * (256 + label)), "white")
    pen = ImageDraw.Draw(page)
    for i, (image, text) in enumerate(zip(images, GRID)):
        x, y = i % columns * cell + 4, i // columns * (256 + label) + 2
        page.paste(image, (x, y))
        pen.text((x, y + 258), "\n".join(textwrap.wrap(text, 42)), fill="black")
    page.save(f"{options.out}/samples.png")


def golden_tensors(pipeline, text, seed, steps=25, guidance=5.0):
    """Every intermediate of one picture, computed step by step rather than by the pipeline."""
    ids = pipeline.tokenizer(
        [text, ""], padding="max_length", truncation=True, max_length=77, return_tensors="pt"
    ).input_ids
    states = pipeline.text_encoder(ids).last_hidden_state
    told, free = states[:1], states[1:]
    latents = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(seed))
    out = dict(
        input_ids=ids[:1], uncond_input_ids=ids[1:], text_embeds=told, uncond_embeds=free,
        initial_latents=latents,
    )
    for t in (981, 1):
        out[f"unet_out_t{t}"] = pipeline.unet(latents, t, told).sample
        out[f"unet_out_uncond_t{t}"] = pipeline.unet(latents, t, free).sample
    sampler = DDIMScheduler.from_config(pipeline.scheduler.config)
    sampler.set_timesteps(steps)
    x, both = latents * sampler.init_noise_sigma, torch.cat([free, told])
    for t in sampler.timesteps:
        without, with_text = pipeline.unet(torch.cat([x, x]), t, both).sample.chunk(2)
        x = sampler.step(without + guidance * (with_text - without), t, x).prev_sample
    out["timesteps"], out["final_latents"] = sampler.timesteps, x
    out["image"] = pipeline.vae.decode(x / pipeline.vae.config.scaling_factor).sample
    piped = pipeline(
        text, num_inference_steps=steps, guidance_scale=guidance, latents=latents.clone(),
        output_type="latent",
    ).images
    return out, float((piped - x).abs().max())


@torch.no_grad()
def golden(options):
    """golden/: safetensors per prompt and golden.json."""
    pipeline = load_pipeline(options)
    os.makedirs(f"{options.out}/golden", exist_ok=True)
    prompts = []
    for k, text in enumerate(GOLDEN):
        seed, name = 42 + k, f"prompt{k}.safetensors"
        tensors, difference = golden_tensors(pipeline, text, seed)
        save_file(
            {key: v.contiguous() for key, v in tensors.items()}, f"{options.out}/golden/{name}",
            metadata={"prompt": text, "seed": str(seed)},
        )
        prompts.append(dict(
            prompt=text, seed=seed, file=name, pipeline_max_difference=difference
        ))
    report = dict(
        steps=25, guidance=5.0, scheduler="DDIM, eta 0",
        prediction_type=pipeline.scheduler.config.prediction_type, note=GOLDEN_NOTE,
        prompts=prompts,
    )
    with open(f"{options.out}/golden/golden.json", "w") as file:
        json.dump(report, file, indent=1)
    print(prompts)


# ---------------------------------------------------------------- scoring with the mini-CLIP


def changed(row, other):
    """Which attribute differs."""
    for name in ("sky", "land", "background", "celestial"):
        if row[name] != other[name]:
            return name
    pairs = list(zip(row["objects"], other["objects"]))
    names = ("object", "position", "colour")
    return next(name for name in names if any(a[name] != b[name] for a, b in pairs))


def clip_scores(see, read, images, rows, captions):
    """CLIP score, retrieval, and preference for the true caption by changed attribute."""
    import clip_task
    import scene

    image, text = see(images), read(captions)
    likeness = (image * text).sum(1)
    choice, preferred = random.Random(2), {}
    for _ in range(3):
        for i, row in enumerate(rows):
            other = clip_task.altered(row, choice)
            caption = scene.caption(other, random.Random(row["seed"] * 7 + 3), True)
            better = float(likeness[i] > image[i] @ read([caption])[0])
            preferred.setdefault(changed(row, other), []).append(better)
    own = torch.arange(len(image))
    return dict(
        clip_score=round(float(likeness.mean()) * 100, 2),
        top1=round(float(((image @ text.T).argmax(1) == own).float().mean()), 3),
        prefers_true={
            k: (round(float(np.mean(v)), 3), len(v)) for k, v in sorted(preferred.items())
        },
    )


@torch.no_grad()
def score(options):
    """score.json for generated pictures and for the rendered originals."""
    import clip_net
    import judge_net
    import render

    pipeline, model = load_pipeline(options), clip_net.load(f"{options.out}/clip")
    eye = judge_net.load(options.judge)

    def see(images):
        with ThreadPoolExecutor(options.threads) as pool:
            return F.normalize(model.image(clip_net.features(eye, images, pool)), dim=-1)

    def read(texts):
        states = clip_net.states(pipeline.text_encoder, pipeline.tokenizer, texts)
        return F.normalize(model.text(states), dim=-1)

    rows = read_rows(options.data, "val", options.count)
    captions = [row["captions"][0] for row in rows]
    images = np.stack(draw(pipeline, options, captions, seed=0, output_type="np"))
    generated = (images * 255).round().astype(np.uint8)
    rendered = np.stack([render.render(row["seed"])[0] for row in rows])
    report = {
        name: clip_scores(see, read, pixels, copy.deepcopy(rows), captions)
        for name, pixels in (("generated", generated), ("rendered", rendered))
    }
    print(json.dumps(report, indent=1))
    with open(f"{options.out}/score.json", "w") as file:
        json.dump(report, file, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    work = "work/ckpt"
    parser.add_argument("what", choices=["export", "grid", "golden", "score"])
    parser.add_argument("--out", default="work/release")
    parser.add_argument("--init", default="", help="pipeline that provides the other parts")
    parser.add_argument("--unet", help="exported U-Net")
    parser.add_argument("--vae", help="AutoencoderKL")
    parser.add_argument("--text", help="CLIPModel or text encoder")
    parser.add_argument("--tokenizer")
    parser.add_argument("--clip", default=f"{work}/clip", help="mini-CLIP to export, if present")
    parser.add_argument("--judge", default=f"{work}/judge", help="the judge whose features it uses")
    parser.add_argument("--prediction", default="v_prediction", choices=["epsilon", "v_prediction"])
    parser.add_argument("--data", default="work/data")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--count", type=int, default=64, help="captions to score")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    own = dict(
        unet=f"{work}/unet/export", vae=f"{work}/vae_final", text=f"{work}/tower",
        tokenizer=f"{work}/tokenizer",
    )
    if options.init:
        own = {name: f"{options.init}/{name}" for name in own}
        own["text"] = f"{options.init}/text_encoder"
    for name, path in own.items():
        setattr(options, name, getattr(options, name) or path)
    torch.set_num_threads(options.threads)
    actions = {"export": export, "grid": grid, "golden": golden, "score": score}
    actions[options.what](options)


if __name__ == "__main__":
    main()
