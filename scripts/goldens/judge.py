# SPDX-License-Identifier: Apache-2.0
"""Reference results of the judge for renders that it was never trained on.

Written to Tests/EvaluationTests/Goldens/judge: 00000.png ... show the first prompts of
Sources/EmbeddedModel/Resources/judge/prompts.json, logits.safetensors holds `logits` (f32, pictures
x 175) as torch computes them in f32 from the released weights. Needs scripts/train/requirements.txt.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT_DIR = "Tests/EvaluationTests/Goldens/judge"
JUDGE = ROOT / "Sources/EmbeddedModel/Resources/judge"
COUNT = 8


def main(out_dir: str) -> None:
    """Renders the scenes of the first prompts and judges them."""
    sys.path.insert(0, str(ROOT / "scripts/train"))
    import judge_net
    import render

    items = json.loads((JUDGE / "prompts.json").read_text())["items"][:COUNT]
    images = np.stack([render.render(item["render_seed"])[0] for item in items])
    for index, image in enumerate(images):
        Image.fromarray(image).save(f"{out_dir}/{index:05}.png", optimize=True)
    with torch.no_grad():
        logits = judge_net.load(str(JUDGE))(judge_net.to_input(images))
    save_file({"logits": logits.contiguous()}, f"{out_dir}/logits.safetensors")
