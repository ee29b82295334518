"""What the training scripts share: reading the data set and replacing files atomically."""
import json
import os

import numpy as np
import torch

SIZE = 256  # pixels, width and height of a scene


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
