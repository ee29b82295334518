#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Converts a network of LPIPS for `retom-eval … measure --lpips`.

    scripts/convert_lpips.py alex lpips-alex.safetensors      (or vgg)

Takes the weights of the package `lpips`, which downloads its backbone with torchvision. Kernels are
written as `[outputs, height * width * inputs]`, inputs innermost, in the order of the layers: `conv0.weight`,
`conv0.bias`, …; `lin0` … are the weights of the channels' differences. Needs torch, torchvision, lpips
and safetensors.
"""

import sys

import torch
from safetensors.torch import save_file


def converted(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights of an `lpips.LPIPS` by the names that retom-eval asks for."""
    result = {}
    kernels = [layer for layer in model.net.modules() if isinstance(layer, torch.nn.Conv2d)]
    for number, layer in enumerate(kernels):
        result[f"conv{number}.weight"] = layer.weight.detach().permute(0, 2, 3, 1).flatten(1).contiguous()
        result[f"conv{number}.bias"] = layer.bias.detach().contiguous()
    for number, layer in enumerate(model.lins):
        result[f"lin{number}"] = layer.model[-1].weight.detach().flatten().contiguous()
    return result


def main() -> None:
    """Converts one network."""
    if len(sys.argv) != 3 or sys.argv[1] not in ("alex", "vgg"):
        sys.exit(__doc__)
    import lpips

    save_file(converted(lpips.LPIPS(net=sys.argv[1])), sys.argv[2], metadata={"net": sys.argv[1]})


if __name__ == "__main__":
    main()
