# SPDX-License-Identifier: Apache-2.0
"""Reference results of the mini-CLIP for renders and captions.

Written to Tests/EvaluationTests/Goldens/clip/embeddings.safetensors: `pictures` and `captions` (f32,
8 x 128, not normalised) of the pictures that `judge` writes and of their prompts, as torch computes
them in f32 from the released weights; `distance`, the Fréchet distance of the pictures to the
reference statistics, and `halves`, that of the first four pictures to the others. Needs
scripts/train/requirements.txt.
"""

import json
import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT_DIR = "Tests/EvaluationTests/Goldens/clip"
RESOURCES = ROOT / "Sources/EmbeddedModel/Resources"
PICTURES = ROOT / "Tests/EvaluationTests/Goldens/judge"
COUNT = 8


def main(out_dir: str) -> None:
    """Embeds the judge's golden pictures and their prompts."""
    sys.path.insert(0, str(ROOT / "scripts/train"))
    import clip_net
    import judge_net

    items = json.loads((RESOURCES / "judge/prompts.json").read_text())["items"][:COUNT]
    images = np.stack([np.array(Image.open(PICTURES / f"{i:05}.png")) for i in range(COUNT)])
    clip, model = clip_net.load(RESOURCES / "clip"), RESOURCES / "postcards"
    encoder = CLIPTextModel.from_pretrained(model / "text_encoder").float().eval()
    tokenizer = CLIPTokenizer.from_pretrained(model / "tokenizer")
    with torch.no_grad(), ThreadPoolExecutor(1) as pool:
        seen = clip_net.features(judge_net.load(str(RESOURCES / "judge")), images, pool)
        pictures = clip.image(seen)
        captions = clip.text(clip_net.states(encoder, tokenizer, [i["full_caption"] for i in items]))

    def distance(one, other):
        values = clip_net.frechet(*one.values(), *other.values())
        return torch.tensor([values], dtype=torch.float32)

    known = load_file(RESOURCES / "clip/clip.safetensors")
    known = {name: known[name] for name in clip_net.STATISTICS}
    first, last = (clip_net.statistics(half) for half in pictures.split(COUNT // 2))
    save_file(
        {
            "pictures": pictures.contiguous(), "captions": captions.contiguous(),
            "distance": distance(clip_net.statistics(pictures), known),
            "halves": distance(first, last),
        },
        f"{out_dir}/embeddings.safetensors",
    )
