# SPDX-License-Identifier: Apache-2.0
"""The mini-CLIP's network, its files, and its measures.

It adds little to existing networks. Image tower: the judge's convolutions, which know every object of
the scenes, then two linear layers. Text tower: the pipeline's text encoder, whose last and mean
state go through two linear layers. Both end in an embedding of 128 numbers; the
similarity of a picture and a caption is the cosine of their embeddings. Fréchet distances are computed
from a picture's embedding before it is normalised.
"""
import json
import random

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

import judge_net
import scene
from clip_task import GLOBALS, HEADS, HUES, KINDS, altered, presence, targets
from common import wilson

WIDTH = 128  # of the embedding
HELD_OUT = 2000  # renders not used for training
STATISTICS = ("reference_mean", "reference_covariance")
HIDDEN = 256  # of either tower's own layer
FEATURES = judge_net.NARROW * 8 * 8  # of the judge's map
STATES = 2 * 128  # of the text encoder: the last state and the mean
PROBE_SCALE = 10  # the probe sees the normalised embedding times this


class MiniCLIP(nn.Module):
    """The layers after the judge's features and the text encoder's states, and the probe."""

    def __init__(self):
        super().__init__()
        self.image_hidden = nn.Linear(FEATURES, HIDDEN)
        self.image_projection = nn.Linear(HIDDEN, WIDTH, bias=False)
        self.text_hidden = nn.Linear(STATES, HIDDEN)
        self.text_projection = nn.Linear(HIDDEN, WIDTH, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(2.6592))
        self.probe = nn.Linear(WIDTH, sum(HEADS.values()))

    def image(self, features):
        """The judge's flattened features N x 2048 -> embeddings N x 128, not normalised."""
        return self.image_projection(F.silu(self.image_hidden(features)))

    def text(self, states):
        """Pooled states N x 256 -> embeddings N x 128, not normalised."""
        return self.text_projection(F.silu(self.text_hidden(states)))

    def heads(self, image):
        """The probe's logits by head, of embeddings that are not normalised."""
        logits = self.probe(F.normalize(image.float(), dim=-1) * PROBE_SCALE)
        return dict(zip(HEADS, logits.split(list(HEADS.values()), 1)))


# ---------------------------------------------------------------- files


def export(model, out, statistics):
    """clip.safetensors in float16, but for the float32 `statistics` of renders, and clip.json."""
    weights = {k: v.detach().half().contiguous() for k, v in model.state_dict().items()}
    weights |= {k: v.float().contiguous() for k, v in statistics.items()}
    save_file(weights, f"{out}/clip.safetensors", metadata={"format": "pt"})
    data = {
        "image_features": FEATURES, "text_states": STATES, "hidden_width": HIDDEN,
        "embedding_width": WIDTH, "probe_scale": PROBE_SCALE, "probe": HEADS,
        "reference_pictures": HELD_OUT,
    }
    with open(f"{out}/clip.json", "w") as file:
        file.write(json.dumps(data, indent=1) + "\n")


def load(path):
    """The exported mini-CLIP, computing in float32."""
    model, weights = MiniCLIP(), load_file(f"{path}/clip.safetensors")
    model.load_state_dict({k: v.float() for k, v in weights.items() if k not in STATISTICS})
    return model.eval()


@torch.no_grad()
def states(encoder, tokenizer, captions, part=250):
    """Captions -> the text encoder's states N x 256: at the end of the text, then the mean up to it.

    The first token, which carries no information about the caption, is left out of the mean.
    """
    ids = [tokenizer(text, truncation=True, max_length=77).input_ids for text in captions]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    out = torch.empty(len(ids), STATES)
    for start in range(0, len(order), part):
        picked = order[start:start + part]
        lengths = torch.tensor([len(ids[i]) for i in picked])
        padded = [ids[i] + [tokenizer.eos_token_id] * (int(lengths[-1]) - len(ids[i]))
                  for i in picked]
        state = encoder(input_ids=torch.tensor(padded)).last_hidden_state
        place = torch.arange(state.shape[1])[None]
        said = ((place > 0) & (place < lengths[:, None])).float().unsqueeze(2)
        mean = (state * said).sum(1) / (lengths[:, None] - 1)
        out[picked] = torch.cat([state[torch.arange(len(picked)), lengths - 1], mean], 1)
    return out


def statistics(embeddings):
    """Mean and covariance of embeddings that are not normalised, as Fréchet distances need them."""
    embeddings = embeddings.double()
    return {
        "reference_mean": embeddings.mean(0),
        "reference_covariance": embeddings.T.cov(),
    }


def frechet(mean, covariance, other_mean, other_covariance):
    """The squared Fréchet distance of two normal distributions."""
    values, vectors = torch.linalg.eigh(covariance.double())
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    inner = torch.linalg.eigvalsh(root @ other_covariance.double() @ root).clamp(min=0)
    trace = covariance.trace() + other_covariance.trace() - 2 * inner.sqrt().sum()
    return float((mean - other_mean).double().square().sum() + trace)


@torch.no_grad()
def features(judge, images, pool, part=20, change=lambda x, start: x):
    """The judge's flattened features of uint8 images; `change` may perturb the input."""
    def one(start):
        x = change(judge_net.to_input(images[start:start + part]), start)
        with torch.no_grad():
            return judge.features(x.contiguous(memory_format=torch.channels_last)).flatten(1)

    return torch.cat(list(pool.map(one, range(0, len(images), part))))


# ---------------------------------------------------------------- measuring


def found(logits, there):
    """Whether each thing present is among the n most likely, where n things are present."""
    order = logits.argsort(1, descending=True).argsort(1)
    return (order < there.sum(1, keepdim=True))[there > 0].int().tolist()


def share(hits):
    """Accuracy, 95 % Wilson interval and count of a list of 0 and 1."""
    low, high = wilson(sum(hits), len(hits))
    return dict(
        accuracy=round(sum(hits) / len(hits), 4), interval=[round(low, 4), round(high, 4)],
        count=len(hits),
    )


def compared(rows):
    """-> (first captions, captions of the same scenes with one attribute changed)"""
    draw = random.Random(1)
    other = [scene.caption(altered(r, draw), random.Random(r["seed"] * 7 + 3), True) for r in rows]
    return [r["captions"][0] for r in rows], other


@torch.no_grad()
def evaluate(model, features, rows, true_states, false_states):
    """Retrieval among 100, preference over an altered caption, accuracy of the probe.

    The states are those of `compared`.
    """
    first, picture, preferred = [], [], []
    image = model.image(features.float())
    said = torch.cat(list(model.heads(image).values()), 1)
    image = F.normalize(image, dim=-1)
    true = F.normalize(model.text(true_states), dim=-1)
    false = F.normalize(model.text(false_states), dim=-1)
    for i in range(0, len(rows), 100):
        likeness = image[i:i + 100] @ true[i:i + 100].T
        own = torch.arange(len(likeness))
        first += (likeness.argmax(1) == own).int().tolist()
        picture += (likeness.argmax(0) == own).int().tolist()
    preferred = ((image * true).sum(1) > (image * false).sum(1)).int().tolist()
    said = dict(zip(HEADS, said.split(list(HEADS.values()), 1)))
    classes = dict(zip(GLOBALS, torch.tensor([targets(r) for r in rows]).T))
    report = {
        "caption of a picture, of 100": share(first), "picture of a caption, of 100": share(picture),
        "prefers the true caption": share(preferred),
    }
    report |= {k: share((said[k].argmax(1) == y).int().tolist()) for k, y in classes.items()}
    there = torch.tensor([presence(r) for r in rows]).split([len(KINDS), len(HUES)], 1)
    report |= {k: share(found(said[k], y)) for k, y in zip(("object", "colour"), there)}
    return report


def linear_probe(features, rows, held_out, held_out_rows, steps=600):
    """A probe trained from nothing on frozen features: the shares found of kinds and colours.

    Logistic regression on standardised inputs, by full-batch AdamW.
    """
    mean, spread = features.mean(0), features.std(0) + 1e-6
    x, y = (features - mean) / spread, torch.tensor([presence(r) for r in rows])
    probe = nn.Linear(x.shape[1], y.shape[1])
    optimizer = torch.optim.AdamW(probe.parameters(), lr=0.03, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(probe(x), y).backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        said = probe((held_out - mean) / spread).split([len(KINDS), len(HUES)], 1)
    there = torch.tensor([presence(r) for r in held_out_rows]).split([len(KINDS), len(HUES)], 1)
    return {k: share(found(s, t)) for k, s, t in zip(("object", "colour"), said, there)}
