# SPDX-License-Identifier: Apache-2.0
"""Latents of the embedded model under ToDo and ATC, from diffusers in f32.

Written from the papers and the published procedures: ToDo takes keys and values from the
nearest-neighbour reduction of the attention's input (torch.nn.functional.interpolate), ATC averages
the clusters that scikit-learn finds in the block's input and copies results back. Both at the
highest resolution, around self-attention.

Rounding decides between clusters with nearly equal distances. ATC's picture is therefore small, and its
seed is the first for which slightly perturbed distances give the same clusters throughout; it is stored
with the latents.
"""

import pathlib
from types import MethodType

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.models.attention import BasicTransformerBlock
from merged_images import latents, load_pipeline, versions
from safetensors.torch import save_file
from sklearn.cluster import AgglomerativeClustering

OUT_DIR = "Tests/ParityTests/Goldens"
ROOT = pathlib.Path(__file__).resolve().parents[2]
# Steps and side in pixels.
CASES = {"todo": (25, 256), "atc": (2, 64)}
# Many times the difference between two ways to compute features.
DISTANCE_NOISE = 2e-5


class DecidedByRounding(Exception):
    """A picture that depends on the last bits of its features."""


def todo_attention(attention, side: int, factor: int):
    """Self-attention whose keys and values come from a coarser grid."""
    plain = attention.forward

    def forward(self, hidden_states, **options):
        batch, count, channels = hidden_states.shape
        if count != side * side:
            return plain(hidden_states, **options)
        grid = hidden_states.transpose(1, 2).reshape(batch, channels, side, side)
        coarse = F.interpolate(grid, scale_factor=1 / factor, mode="nearest")
        options["encoder_hidden_states"] = coarse.flatten(2).transpose(1, 2)
        return plain(hidden_states, **options)

    return MethodType(forward, attention)


def clusters(distances: np.ndarray, count: int) -> list[int]:
    """Labels, numbered in the order of their first tokens."""
    clustering = AgglomerativeClustering(
        n_clusters=count, metric="precomputed", linkage="average")
    labels = clustering.fit(distances).labels_.tolist()
    order = {label: index for index, label in enumerate(dict.fromkeys(labels))}
    return [order[label] for label in labels]


def stable_clusters(distances: np.ndarray, count: int) -> torch.Tensor:
    """The clusters, if they do not depend on rounding."""
    labels = clusters(distances, count)
    for seed in range(3):
        noise = np.random.default_rng(seed).uniform(-DISTANCE_NOISE, DISTANCE_NOISE, distances.shape)
        if clusters(distances + (noise + noise.T) / 2, count) != labels:
            raise DecidedByRounding
    return torch.tensor(labels)


def cluster_means(tokens: torch.Tensor, labels: torch.Tensor, count: int) -> torch.Tensor:
    """[N, C] to [count, C]."""
    sums = torch.zeros(count, tokens.shape[1]).index_add(0, labels, tokens)
    return sums / torch.bincount(labels, minlength=count)[:, None]


def atc_attention(block: BasicTransformerBlock, side: int, ratio: float):
    """Self-attention among the means of clusters of the block's input."""
    plain = block.attn1.forward
    seen = {}
    block.register_forward_pre_hook(
        lambda module, inputs, named: seen.update(x=inputs[0] if inputs else named["hidden_states"]),
        with_kwargs=True)

    def forward(self, hidden_states, **options):
        count = hidden_states.shape[1]
        if count != side * side:
            return plain(hidden_states, **options)
        left = count - int(count * ratio)
        results = []
        # One sample at a time: each half has its own plan.
        for metric, tokens in zip(seen["x"], hidden_states):
            unit = metric / metric.norm(dim=-1, keepdim=True)
            labels = stable_clusters((1 - unit @ unit.T).double().numpy(), left)
            merged = cluster_means(tokens, labels, left)
            results.append(plain(merged[None], **options)[0][labels])
        return torch.stack(results)

    return MethodType(forward, block.attn1)


@torch.no_grad()
def main(out_dir: str) -> None:
    """Writes merged_methods.safetensors into out_dir."""
    tensors = {}
    for name, (steps, size) in CASES.items():
        pipe = load_pipeline()
        side = size // pipe.vae_scale_factor
        for block in pipe.unet.modules():
            if not isinstance(block, BasicTransformerBlock):
                continue
            if name == "todo":
                block.attn1.forward = todo_attention(block.attn1, side, 2)
            else:
                block.attn1.forward = atc_attention(block, side, 0.5)
        seed = 7
        while name not in tensors:
            try:
                tensors[name] = latents(pipe, steps, size, seed)
            except DecidedByRounding:
                seed += 1
        tensors[f"{name}.seed"] = torch.tensor([seed])
    save_file(tensors, pathlib.Path(out_dir) / "merged_methods.safetensors",
              metadata=versions("diffusers", "scikit-learn", "torch"))


if __name__ == "__main__":
    main(str(ROOT / OUT_DIR))
