# SPDX-License-Identifier: Apache-2.0
"""Normal noise of torch's CPU generator: seeds, sizes and sequences of draws."""

import json
import pathlib

import torch

SEEDS = [0, 1, 42, 2**31, 2**32 - 1, 2**32, 2**32 + 42, 2**63 - 1, -1, -2]
SIZES = [1, 2, 15, 16, 17, 31, 33, 64, 4096, 4 * 32 * 32, 4 * 64 * 64]
# Short draws leave a normal number behind for the next short draw, over long draws in between.
SEQUENCES = [
    [1, 1, 1],
    [3, 16, 3],
    [16, 16, 17, 5, 64],
    [4 * 8 * 8] * 4,
    [15, 15, 4096, 1, 1, 18],
]


def fingerprint(values: torch.Tensor) -> dict:
    """The ends of a draw as bit patterns, and the FNV-1a hash of all of it."""
    bits = values.view(torch.int32).numpy().astype("uint32")
    hash_ = 0xCBF29CE484222325
    for byte in bits.tobytes():
        hash_ = ((hash_ ^ byte) * 0x100000001B3) & (2**64 - 1)
    return {
        "count": len(bits),
        "first": [int(b) for b in bits[:4]],
        "last": [int(b) for b in bits[-4:]],
        "fnv1a": f"{hash_:016x}",
    }


def main(out_dir: str) -> None:
    """Writes noise.json into out_dir."""
    cases = []
    for seed in SEEDS:
        for sizes in [[size] for size in SIZES] + SEQUENCES:
            if max(sizes) > 4096 and seed not in (0, 42, -1):
                continue
            generator = torch.Generator().manual_seed(seed)
            draws = [fingerprint(torch.randn(size, generator=generator)) for size in sizes]
            cases.append({"seed": str(seed % 2**64), "draws": draws})
    path = pathlib.Path(out_dir) / "noise.json"
    path.write_text(
        json.dumps({"torch": torch.__version__.split("+")[0], "cases": cases}, separators=(",", ":"))
        + "\n"
    )


if __name__ == "__main__":
    main("Tests/StableDiffusionTests/Goldens")
