#!/usr/bin/env python3
"""Times a U-Net call and a VAE decode against OpenVINO and PyTorch, side by side on this machine.

    scripts/speed.py --model DIR [--size 512] [--threads 2] [--runs 3] [--torch]

DIR is a Stable Diffusion model in the diffusers layout. Every engine does the same work: one U-Net
call on both halves of a guided image (batch 2), one decode of one image; the time is of the call
alone, after one warm-up. What counts is the ratio: absolute times drift with the machine. Needs
scripts/requirements.txt and a release build.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import time

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

ROOT = pathlib.Path(__file__).resolve().parent.parent
TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


class UNetCall(torch.nn.Module):
    """The U-Net as a function of tensors."""

    def __init__(self, model):
        super().__init__()
        self.unet = UNet2DConditionModel.from_pretrained(model / "unet").eval()

    def forward(self, sample, timestep, context):
        return self.unet(sample, timestep, context, return_dict=False)[0]

    def inputs(self, size):
        width = self.unet.config.cross_attention_dim
        side = size // 8
        return [torch.randn(2, 4, side, side), torch.tensor(981.0), torch.randn(2, 77, width)]


class Decode(torch.nn.Module):
    """The VAE's decoder as a function of latents."""

    def __init__(self, model):
        super().__init__()
        self.vae = AutoencoderKL.from_pretrained(model / "vae").eval()

    def forward(self, latents):
        return self.vae.decode(latents, return_dict=False)[0]

    def inputs(self, size):
        return [torch.randn(1, 4, size // 8, size // 8)]


def median_seconds(call, runs):
    """Median of `runs` calls after one that is not counted."""
    call()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def openvino_seconds(module, inputs, precision, arguments):
    import openvino

    converted = openvino.convert_model(module, example_input=tuple(inputs))
    shapes = {port: list(value.shape) for port, value in zip(converted.inputs, inputs)}
    converted.reshape(shapes)
    options = {
        "INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": arguments.threads,
    }
    request = openvino.Core().compile_model(converted, "CPU", options).create_infer_request()
    arrays = [value.numpy() for value in inputs]
    return median_seconds(lambda: request.infer(arrays), arguments.runs)


def torch_seconds(module, inputs, precision, arguments):
    torch.set_num_threads(arguments.threads)
    module = module.to(TYPES[precision]).to(memory_format=torch.channels_last)
    inputs = [value.to(TYPES[precision]) if value.ndim > 0 else value for value in inputs]
    with torch.inference_mode():
        return median_seconds(lambda: module(*inputs), arguments.runs)


def retom_seconds(part, precision, arguments):
    binary = subprocess.run(
        ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True,
        capture_output=True, text=True).stdout.strip() + "/retom-eval"
    line = subprocess.run(
        [binary, "bench", part, "--model", str(arguments.model), "--size", str(arguments.size),
         "--precision", precision, "--threads", str(arguments.threads), "--runs",
         str(arguments.runs), *(["--merge", "none"] if part == "unet" else [])],
        check=True, capture_output=True, text=True).stdout
    return json.loads(line)["seconds_median"]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--torch", action="store_true", help="also time PyTorch (slow)")
    arguments = parser.parse_args()

    print("| work | precision | retom, s | OpenVINO, s | ratio | PyTorch, s |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for part, kind in (("unet", UNetCall), ("vae", Decode)):
        for precision in ("bf16", "f32"):
            torch.manual_seed(0)
            module = kind(arguments.model)
            inputs = module.inputs(arguments.size)
            own = retom_seconds(part, precision, arguments)
            peer = openvino_seconds(module, inputs, precision, arguments)
            slow = "–"
            if arguments.torch:
                slow = f"{torch_seconds(module, inputs, precision, arguments):.2f}"
            work = f"{part} {arguments.size}²"
            print(
                f"| {work} | {precision} | {own:.2f} | {peer:.2f} | {own / peer:.2f} | {slow} |",
                flush=True)


if __name__ == "__main__":
    main()
