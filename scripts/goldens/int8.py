# SPDX-License-Identifier: Apache-2.0
"""Layers in int8 by their definition, in float64: a fully connected layer and a convolution by Winograd's algorithm.

Values become bytes as round(127 * value / greatest magnitude), with a scale for each row of the input and each output
channel; in the convolution after the transforms, for each patch and position, and each output channel and position.
"""

import numpy as np
import torch
from safetensors.torch import save_file

OUT_DIR = "Tests/CKernelsTests/Goldens"

# Cook and Toom's matrices of F(2x2, 3x3) for the points 0, 1, -1 and infinity.
PATCH = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], np.float64)
FILTER = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float64)
OUTPUT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]], np.float64)


def short_fractions(random: np.random.Generator, *shape: int) -> np.ndarray:
    """Normally distributed multiples of 1/4096: transforms of them are exact in float32."""
    return np.round(random.standard_normal(shape) * 4096) / 4096


def rounded(values: np.ndarray) -> np.ndarray:
    """Values along the last axis as bytes times their scale."""
    greatest = np.abs(values).max(axis=-1, keepdims=True)
    steps = 127 * values / greatest
    # Nothing is so close to a half that float32 might round it otherwise.
    away = np.abs(np.abs(steps - np.floor(steps)) - 0.5)
    assert away.min() > 2e-5, "choose another seed"
    return np.round(steps) * greatest / 127


def linear(random: np.random.Generator) -> dict[str, np.ndarray]:
    """A fully connected layer; neither count of channels is a multiple of a vector's length."""
    inputs, weight = random.standard_normal((9, 85)), random.standard_normal((35, 85))
    inputs, weight = inputs.astype(np.float32), weight.astype(np.float32)
    bias = random.standard_normal(35).astype(np.float32)
    output = rounded(inputs.astype(np.float64)) @ rounded(weight.astype(np.float64)).T + bias
    return {"input": inputs, "weight": weight, "bias": bias, "output": output}


def convolution(random: np.random.Generator) -> dict[str, np.ndarray]:
    """3 x 3 pixels, zeros around the picture, an odd number of lines and columns."""
    height, width, inputs, outputs = 5, 7, 18, 35
    pixels = short_fractions(random, height, width, inputs)
    weight = short_fractions(random, outputs, inputs, 3, 3)
    bias = random.standard_normal(outputs).astype(np.float32)
    padded = np.pad(pixels, ((1, 2), (1, 2), (0, 0)))
    filters = np.einsum("ua,oiab,vb->uvoi", FILTER, weight, FILTER)
    filters = rounded(filters)
    output = np.zeros((height + 1, width + 1, outputs))
    for y in range(0, height, 2):
        for x in range(0, width, 2):
            patch = np.einsum("ua,abi,vb->uvi", PATCH, padded[y : y + 4, x : x + 4], PATCH)
            products = np.einsum("uvi,uvoi->uvo", rounded(patch), filters)
            output[y : y + 2, x : x + 2] = np.einsum("yu,uvo,xv->yxo", OUTPUT, products, OUTPUT)
    # Rounding costs a few percent, a wrong matrix everything.
    direct = torch.nn.functional.conv2d(
        torch.from_numpy(pixels).permute(2, 0, 1)[None], torch.from_numpy(weight), padding=1)
    output = output[:height, :width]
    direct = direct[0].permute(1, 2, 0).numpy()
    assert np.linalg.norm(output - direct) < 0.03 * np.linalg.norm(direct)
    return {"input": pixels, "weight": weight, "bias": bias, "output": output + bias}


def main(out_dir: str) -> None:
    """Writes `int8.safetensors`."""
    layers = {"linear": linear, "convolution": convolution}
    tensors = {
        f"{name}.{key}": torch.from_numpy(np.ascontiguousarray(value, np.float32))
        for name, layer in layers.items()
        for key, value in layer(np.random.default_rng(0)).items()
    }
    save_file(tensors, f"{out_dir}/int8.safetensors", {"numpy": np.__version__})
