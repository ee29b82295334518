#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The peer of few-step pictures: text encoder, U-Net and decoder in OpenVINO, as fastsdcpu runs them.

    scripts/openvino_pictures.py DIR [--steps 1] [--precision bf16] [--threads 2]
                                 [--streams 1] [--batch 1] [--runs 5]

DIR holds text.xml, unet.xml and decoder.xml for pictures without guidance (`convert` writes them).
Prints one JSON line: seconds of a picture from tokens to RGB values (median after one warm-up; with
streams or a batch the mean over all pictures), seconds from the start of the process to the first
picture, and the peak of its resident memory. Nothing beside the networks is counted: no tokenizer,
no sampler, no PNG. It is a process of its own, so that its memory is OpenVINO's alone.
"""

import argparse
import concurrent.futures
import json
import pathlib
import resource
import statistics
import time

START = time.perf_counter()
PARTS = ["text", "unet", "decoder"]


def convert(modules, size, folder):
    """Writes networks: modules by part, each with `inputs(size)` for one picture."""
    import openvino
    import torch

    for part, module in modules.items():
        # Traced small and without gradients: the graph is the same and fits in memory.
        with torch.no_grad():
            converted = openvino.convert_model(module, example_input=tuple(module.inputs(256)))
        shapes = [list(value.shape) for value in module.inputs(size)]
        converted.reshape(dict(zip(converted.inputs, shapes)))
        openvino.save_model(converted, f"{folder}/{part}.xml")


class Pictures:
    """The networks, compiled for one precision."""

    def __init__(self, options):
        import numpy
        import openvino

        core = openvino.Core()
        settings = {
            "INFERENCE_PRECISION_HINT": options.precision,
            "INFERENCE_NUM_THREADS": options.threads, "NUM_STREAMS": options.streams}
        random = numpy.random.default_rng(0)
        self.steps = options.steps
        self.networks, self.inputs = {}, {}
        for part in PARTS:
            model = core.read_model(options.folder / f"{part}.xml")
            shapes = {
                port: [options.batch, *port.shape[1:]] if len(port.shape) > 0 else []
                for port in model.inputs}
            model.reshape(shapes)
            self.inputs[part] = [
                random.integers(0, 1000, shape).astype(port.element_type.to_dtype())
                if port.element_type.is_integral()
                else numpy.asarray(random.standard_normal(shape), port.element_type.to_dtype())
                for port, shape in shapes.items()]
            self.networks[part] = core.compile_model(model, "CPU", settings)

    def request(self):
        """Draws a batch each time it is called."""
        requests = {part: network.create_infer_request() for part, network in self.networks.items()}

        def draw():
            for part, count in zip(PARTS, [1, self.steps, 1]):
                for _ in range(count):
                    requests[part].infer(self.inputs[part])

        return draw


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--precision", choices=["bf16", "f32"], default="bf16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()

    pictures = Pictures(options)
    draws = [pictures.request() for _ in range(options.streams)]
    draws[0]()
    first = time.perf_counter() - START
    if options.streams == options.batch == 1:
        times = []
        for _ in range(options.runs):
            start = time.perf_counter()
            draws[0]()
            times.append(time.perf_counter() - start)
        seconds = statistics.median(times)
    else:
        with concurrent.futures.ThreadPoolExecutor(options.streams) as pool:
            list(pool.map(lambda draw: draw(), draws))
            start = time.perf_counter()
            list(pool.map(lambda draw: [draw() for _ in range(options.runs)], draws))
        count = options.streams * options.batch * options.runs
        seconds = (time.perf_counter() - start) / count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps({"seconds": seconds, "first_seconds": first, "peak_gigabytes": peak}))


if __name__ == "__main__":
    main()
