# SPDX-License-Identifier: Apache-2.0
"""What the training scripts share: reading the data set and replacing files atomically."""
import ctypes
import json
import os

import numpy as np
import torch

SIZE = 256  # pixels, width and height of a scene
# bfloat16 pays off only where the processor multiplies it; elsewhere PyTorch emulates it.
FAST_TYPE = (
    torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
)


def autocast():
    """Network code in FAST_TYPE: PyTorch's autocast, or nothing where that is float32."""
    return torch.autocast("cpu", torch.bfloat16, enabled=FAST_TYPE == torch.bfloat16)


def keep_freed_memory():
    """Lets glibc keep freed memory; by default every large tensor is mapped and zeroed anew.

    A sixth of the processor time of a U-Net training step on two cores with AVX2 went into page
    faults. Without glibc this does nothing.
    """
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        return
    trim_threshold, top_pad, mmap_max, arena_max = -1, -2, -4, -8  # names of malloc.h
    for name, value in (
        (arena_max, 1), (mmap_max, 0), (trim_threshold, 2**31 - 1), (top_pad, 2**28),
    ):
        ctypes.CDLL(None).mallopt(name, value)


def open_images(data, split):
    """The split's images as a read-only memory map, N x 256 x 256 x 3 uint8."""
    return np.memmap(f"{data}/{split}.u8", np.uint8, "r").reshape(-1, SIZE, SIZE, 3)


def read_rows(data, split, count=None):
    """The attributes and captions of the first `count` images of a split."""
    rows = []
    with open(f"{data}/{split}.jsonl") as file:
        for line in file:
            if count is not None and len(rows) >= count:
                break
            rows.append(json.loads(line))
    return rows


def save_atomically(state, path):
    """torch.save that leaves either the old or the new file, never half of one."""
    torch.save(state, path + ".tmp")
    os.replace(path + ".tmp", path)


def edit_config(path, **values):
    """Sets values in a saved model's config.json and drops the path it was once loaded from."""
    with open(f"{path}/config.json") as file:
        config = json.load(file) | values
    config.pop("_name_or_path", None)
    with open(f"{path}/config.json", "w") as file:
        file.write(json.dumps(config, indent=2) + "\n")


def average_gradients(pool, gradient, parts, weights):
    """Sets .grad of the weights to the mean over the parts; returns the parts' other results.

    `gradient(part)` runs in a thread of the pool and returns (anything, gradients). One core per
    part beats all cores on the whole batch: the activations stay in each core's cache, no core
    waits in a barrier, and a core that is preempted delays only its own share. The
    sum runs in the order of the parts, so the result does not depend on the number of threads.
    """
    results = list(pool.map(gradient, parts))
    for i, weight in enumerate(weights):
        total = results[0][1][i].float()
        for _, other in results[1:]:
            total += other[i].float()
        # PyTorch's fused Adam reads memory in order: a channels-last gradient would be scrambled.
        weight.grad = total.div_(len(parts)).contiguous()
    return [result for result, _ in results]


def wilson(hits, count, z=1.96):
    """The 95 % confidence interval of a share, after Wilson (1927)."""
    if count == 0:
        return 0.0, 1.0
    share = hits / count
    middle = share + z * z / (2 * count)
    spread = z * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    return (middle - spread) / (1 + z * z / count), (middle + spread) / (1 + z * z / count)
