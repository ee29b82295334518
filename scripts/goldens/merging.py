# SPDX-License-Identifier: Apache-2.0
"""Goldens of token merging, from the methods' own packages.

ToMeSD's matching comes from `tomesd`, clusters from scikit-learn, nearest and area resizing from
torch. Random destinations are computed here from the library's documented stream and
passed to `tomesd` in place of its own random numbers.
"""

import importlib.metadata
import json
import pathlib

import numpy as np
import sklearn
import torch
import torch.nn.functional as F
from sklearn.cluster import AgglomerativeClustering
from tomesd import merge as tomesd_merge

OUT_DIR = "Tests/TokenMergingTests/Goldens"

MASK = (1 << 64) - 1


def mix(value):
    """The finalizer of SplitMix64."""
    z = (value + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


class MergeStream:
    """The random numbers of (seed, call, site), as in TokenMergeRandom."""

    def __init__(self, seed, call, site):
        key = mix(seed ^ 0x5265546F4D000001)
        key = mix((key + call) & MASK)
        self.key = mix((key + site) & MASK)

    def bits(self, counter):
        return mix((self.key + counter * 0x9E3779B97F4A7C15) & MASK)

    def index(self, bound, counter):
        return (self.bits(counter) * bound) >> 64


def features(generator, batch, height, width, channels):
    """Normal values with four decimals, short as text and exact enough."""
    values = torch.randn(batch, height * width, channels, generator=generator)
    return (values * 10000).round() / 10000


def numbers(tensor):
    # The shortest decimals that reproduce each f32 value.
    return [float(str(np.float32(value))) for value in tensor.flatten().tolist()]


def groups_of(merge, batch, token_count):
    """Members of every merged row: the share each row takes of each token."""
    weights = merge(torch.eye(token_count).expand(batch, -1, -1).contiguous())
    return [[row.nonzero().flatten().tolist() for row in sample] for sample in weights]


def tome_case(generator, batch, height, width, channels, stride, ratio, random_call=None):
    x = features(generator, batch, height, width, channels)
    sx, sy = stride
    token_count = height * width
    picks = None
    if random_call is not None:
        stream = MergeStream(seed=7, call=random_call, site=3)
        count = (height // sy) * (width // sx)
        picks = torch.tensor([stream.index(sx * sy, cell) for cell in range(count)])
    original = torch.randint
    if picks is not None:
        torch.randint = lambda high, size, device=None, generator=None: picks.reshape(size)
    try:
        merge, unmerge = tomesd_merge.bipartite_soft_matching_random2d(
            x, width, height, sx, sy, int(token_count * ratio), no_rand=picks is None,
            generator=torch.Generator())
    finally:
        torch.randint = original
    merged = merge(x)
    return {
        "batch": batch, "height": height, "width": width, "channels": channels,
        "sx": sx, "sy": sy, "ratio": ratio, "call": random_call, "features": numbers(x),
        "groups": groups_of(merge, batch, token_count),
        "merged": numbers(merged), "unmerged": numbers(unmerge(merged)),
    }


def tome():
    generator = torch.Generator().manual_seed(2303)
    return [
        tome_case(generator, 2, 6, 8, 8, (2, 2), 0.5),
        tome_case(generator, 1, 8, 8, 5, (2, 2), 0.25),
        tome_case(generator, 2, 7, 5, 6, (2, 2), 0.75),
        tome_case(generator, 2, 9, 6, 4, (3, 2), 0.9),
        tome_case(generator, 2, 6, 8, 8, (2, 2), 0.5, random_call=0),
        tome_case(generator, 2, 8, 9, 6, (4, 3), 0.6, random_call=11),
    ]


def clusters(x, count, linkage):
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    distance = 1 - unit @ unit.T
    model = AgglomerativeClustering(n_clusters=count, metric="precomputed", linkage=linkage)
    return model.fit(distance).labels_.tolist()


def atc():
    rng = np.random.default_rng(2409)
    cases = []
    grids = [(5, 6, 6, False), (8, 8, 4, False), (4, 7, 4, True), (7, 7, 16, True)]
    for height, width, channels, has_ties in grids:
        shape = (height * width, channels)
        if has_ties:
            # Norms are powers of two and cosines multiples of 1 / channels: ties are exact.
            x = rng.choice([-1.0, 1.0], shape) * rng.choice([0.5, 1.0, 4.0], (shape[0], 1))
        else:
            x = np.round(rng.standard_normal(shape), 4)
        x = x.astype(np.float32).astype(np.float64)
        partitions = []
        for linkage in ["average", "complete", "single"]:
            for ratio in [0.25, 0.5, 0.8]:
                count = shape[0] - int(shape[0] * ratio)
                labels = clusters(x, count, linkage)
                partitions.append({"linkage": linkage, "ratio": ratio, "labels": labels})
        cases.append({
            "height": height, "width": width, "channels": channels,
            "features": numbers(torch.from_numpy(x)), "partitions": partitions,
        })
    return cases


def importance_case(generator, height, width, map_size, ratio, call):
    """The published procedure, rewritten on top of torch's resizing and numpy."""
    batch, channels = 2, 6
    token_count = height * width
    x = features(generator, batch, height, width, channels)
    heat_map = torch.rand(*map_size, generator=generator)
    heat = F.interpolate(heat_map[None, None], size=(height, width), mode="area").flatten().double()
    # Differences up to 2^-16 count as equal, as in the library.
    heat = (heat * 65536).round() / 65536
    merged_count = min(int(token_count * ratio), token_count - int(token_count * 0.25))
    pool = min(int((token_count - merged_count) * 1.4), token_count)
    order = torch.argsort(heat, descending=True, stable=True).tolist()
    threshold = heat[order[pool - 1]]
    stream = MergeStream(seed=7, call=call, site=3)
    # Without replacement: the tokens of the pool with the highest random numbers.
    drawn = sorted(order[:pool], key=lambda token: (-(stream.bits(token) >> 11), token))
    destinations = drawn[:int(token_count * 0.25)]
    sources = [token for token in range(token_count) if token not in destinations]
    unit = x / x.norm(dim=-1, keepdim=True)
    groups = []
    for sample in unit:
        scores = sample[sources] @ sample[destinations].T
        best, chosen = scores.double().max(dim=1)
        best += 100000 * (heat[sources] < threshold)
        ranked = torch.argsort(best, descending=True, stable=True).tolist()
        rows = [[token] for token in destinations]
        for edge in ranked[:merged_count]:
            rows[chosen[edge]].append(sources[edge])
        rows += [[sources[edge]] for edge in ranked[merged_count:]]
        groups.append(rows)
    return {
        "height": height, "width": width, "channels": channels, "ratio": ratio, "call": call,
        "map_height": map_size[0], "map_width": map_size[1], "importance": numbers(heat_map),
        "features": numbers(x), "groups": groups,
    }


def importance():
    generator = torch.Generator().manual_seed(2411)
    return [
        importance_case(generator, 8, 8, (8, 8), 0.5, 2),
        importance_case(generator, 6, 10, (12, 20), 0.7, 5),
        importance_case(generator, 5, 7, (10, 13), 0.6, 9),
    ]


def todo():
    cases = []
    for height, width, factor in [(8, 8, 2), (9, 7, 2), (20, 11, 3), (5, 6, 4), (16, 12, 1)]:
        index = torch.arange(height * width, dtype=torch.float32).reshape(1, 1, height, width)
        picked = F.interpolate(index, size=(height // factor, width // factor), mode="nearest")
        cases.append({
            "height": height, "width": width, "factor": factor,
            "tokens": [int(token) for token in picked.flatten().tolist()],
        })
    return cases


def main(out_dir):
    out = pathlib.Path(out_dir)
    versions = {
        "torch": torch.__version__, "tomesd": importlib.metadata.version("tomesd"),
        "scikit-learn": sklearn.__version__,
    }
    made = {"tome": tome, "atc": atc, "importance": importance, "todo": todo}
    for name, make in made.items():
        text = json.dumps({"versions": versions, "cases": make()}, separators=(",", ":"))
        (out / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(pathlib.Path(__file__).parents[2] / OUT_DIR)
