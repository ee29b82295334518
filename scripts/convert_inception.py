#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Converts the Inception v3 of FID for `retom-eval … measure --inception`.

    scripts/convert_inception.py pt_inception-2015-12-05-6726825d.pth inception.safetensors

The input is the file that pytorch-fid downloads (github.com/mseitz/pytorch-fid, release
`fid_weights`); clean-fid's `inception-2015-12-05.pt` holds the same weights. Every batch norm is folded
into the convolution before it, and kernels are written as `[outputs, height * width * inputs]`, inputs
innermost. Needs torch and safetensors.
"""

import sys

import torch
from safetensors.torch import save_file

EPSILON = 0.001


def converted(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Folded weights by the names of the blocks: `Mixed_5b.branch1x1.weight` and `.bias`."""
    result = {}
    for key, kernel in state.items():
        if not key.endswith(".conv.weight"):
            continue
        name = key.removesuffix(".conv.weight")
        norm = {part: state[f"{name}.bn.{part}"].double()
                for part in ("weight", "bias", "running_mean", "running_var")}
        scale = norm["weight"] / (norm["running_var"] + EPSILON).sqrt()
        folded = kernel.double() * scale[:, None, None, None]
        result[f"{name}.weight"] = folded.permute(0, 2, 3, 1).flatten(1).float().contiguous()
        result[f"{name}.bias"] = (norm["bias"] - norm["running_mean"] * scale).float()
    return {name: values for name, values in result.items() if not name.startswith("AuxLogits")}


def main() -> None:
    """Converts one file."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    state = torch.load(sys.argv[1], map_location="cpu", weights_only=True)
    weights = converted(state)
    if "Mixed_7c.branch_pool.weight" not in weights:
        sys.exit(f"{sys.argv[1]} holds no Inception v3; give pytorch-fid's pt_inception-2015-12-05 file")
    save_file(weights, sys.argv[2], metadata={"net": "inception-2015-12-05"})


if __name__ == "__main__":
    main()
