#!/usr/bin/env python3
"""Times retom against OpenVINO and PyTorch, side by side on this machine, as one Markdown table.

    scripts/speed.py --sd15 DIR [--sd21 DIR] [--only TEXT ...] [--threads 2] [--runs 5]

DIRs are models with the shapes of Stable Diffusion 1.5 and 2.1 in the diffusers layout; random
weights suffice. Every engine does the same work: one U-Net call on both halves of a guided image (batch
2), one decode of one image; medians of calls after one warm-up. retom is timed before and after its
peer, and the mean of both medians counts, because machines drift. The result is the ratio.

Rows: `unet`, `int8`, `merged`, `large`, `vae`, `sd21`, `picture`, `image`, `text`, `start`, `memory`,
`workers`, `turbo`, `lcm`; `--only` picks some. `picture` is a new prompt to RGB values in 20 steps of DPM++ 2M
with guidance, in settings whose mean distance to all 20 calls in f32 is named in docs/merging.md; of the peers
only the networks count, of PyTorch the best of ToMeSD and DeepCache. `turbo` and `lcm` time pictures in few steps, with TAESD and with
the full VAE: SD-Turbo's shape (SD 2.1, one step of Euler, trailing, no guidance) and SD 1.5's with four
steps of LCM without guidance. Seconds from a new prompt to RGB, and pictures per hour of a run of
`--prompts` prompts from the start of the programs to their end, each at its best (workers and threads
here, streams and batches there), without merging and with ReToM; seconds from the start to the first
picture; peak memory. The peer is scripts/openvino_pictures.py, where only its networks count.
Needs scripts/requirements.txt and a release build.
"""

import argparse
import contextlib
import json
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from diffusers import (
    AutoencoderKL, AutoencoderTiny, DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPipeline,
    UNet2DConditionModel)

import openvino_pictures
from deepcache import LayeredUNet

ROOT = pathlib.Path(__file__).resolve().parent.parent
POSTCARDS = ROOT / "Sources/EmbeddedModel/Resources/postcards"
TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
MERGE = ["--merge", "retom", "--merge-profile", "paper"]
PERIOD = 5
PROMPT = "a red house in the snow, starry sky"


# ---------------------------------------------------------------- peers


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


class HalfCall(UNetCall):
    """The same for an image without guidance."""

    def inputs(self, size):
        sample, timestep, context = super().inputs(size)
        return [sample[:1], timestep, context[:1]]


class TinyDecode(Decode):
    """TAESD as a function of latents, with random weights of the published shape."""

    def __init__(self):
        torch.nn.Module.__init__(self)
        self.vae = AutoencoderTiny().eval()


class Encode(torch.nn.Module):
    """The text encoder as a function of tokens."""

    def __init__(self, model):
        super().__init__()
        from transformers import CLIPTextModel

        self.text = CLIPTextModel.from_pretrained(model / "text_encoder").float().eval()

    def forward(self, tokens):
        return self.text(tokens, return_dict=False)[0]

    def inputs(self, size):
        return [torch.randint(0, 1000, (1, 77))]


def median_seconds(call, runs):
    """Median of `runs` calls after one warm-up call."""
    call()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def openvino_seconds(module, size, precision, options):
    import openvino

    torch.manual_seed(0)
    inputs = module.inputs(size)
    # Traced small and without gradients: the graph is the same and fits in memory.
    with torch.no_grad():
        converted = openvino.convert_model(module, example_input=tuple(module.inputs(256)))
    shapes = {port: list(value.shape) for port, value in zip(converted.inputs, inputs)}
    converted.reshape(shapes)
    settings = {
        "INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": options.threads,
    }
    request = openvino.Core().compile_model(converted, "CPU", settings).create_infer_request()
    arrays = [value.numpy() for value in inputs]
    return median_seconds(lambda: request.infer(arrays), options.runs)


# Streams and batches that a peer may choose from for many pictures.
RATES = [(1, 1), (2, 1), (1, 2), (1, 4)]


def hourly(record, count, batch):
    """Pictures per hour of a run of `count`, its start included."""
    return 3600 * count / (record["first_seconds"] + (count - batch) * record["seconds"])


def openvino_pictures_record(folder, steps, precision, options, streams=1, batch=1):
    """What scripts/openvino_pictures.py measures of the networks in a folder."""
    line = subprocess.run(
        [sys.executable, openvino_pictures.__file__, folder, "--steps", str(steps), "--precision",
         precision, "--threads", str(options.threads), "--streams", str(streams), "--batch",
         str(batch), "--runs", str(options.runs if streams == batch == 1 else 2)], check=True,
        capture_output=True, text=True).stdout
    return json.loads(line)


def torch_seconds(module, size, precision, options, tome=0.0):
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    inputs = module.inputs(size)
    if tome:
        import tomesd

        tomesd.apply_patch(module.unet, ratio=tome)
    module = module.to(TYPES[precision]).to(memory_format=torch.channels_last)
    inputs = [
        value.to(TYPES[precision]) if value.is_floating_point() and value.ndim > 0 else value
        for value in inputs]
    with torch.inference_mode():
        return median_seconds(lambda: module(*inputs), options.runs)


def torch_picture_seconds(model, size, steps, precision, options):
    """Names and seconds of pictures whose calls ToMeSD and DeepCache shorten: those of their networks."""
    import tomesd

    torch.set_num_threads(options.threads)
    decode = torch_seconds(Decode(model), size, precision, options)
    text = 2 * torch_seconds(Encode(model), size, "f32", options)
    call = UNetCall(model)
    sample, timestep, context = call.inputs(size)
    unet = call.unet.to(TYPES[precision]).to(memory_format=torch.channels_last)
    sample, context = sample.to(TYPES[precision]), context.to(TYPES[precision])
    layered = LayeredUNet(unet)
    seconds = {}
    with torch.inference_mode():
        for merging, ratio in ("", 0), ("ToMeSD .5", 0.5):
            if ratio:
                tomesd.apply_patch(unet, ratio=ratio)
            whole = median_seconds(
                lambda: unet(sample, timestep, context, return_dict=False), options.runs)
            layered(sample, timestep, context)
            outer = median_seconds(lambda: layered(sample, timestep, context, 1), options.runs)
            for cache, interval in ("", 1), ("DeepCache 2", 2), ("DeepCache 3", 3):
                count = -(-steps // interval)
                name = " + ".join(["PyTorch", *filter(None, [merging, cache])])
                seconds[name] = text + count * whole + (steps - count) * outer + decode
    return seconds


def diffusers_seconds(options, steps):
    """Sampling of one image of the embedded model, in f32."""
    torch.set_num_threads(options.threads)
    pipeline = StableDiffusionPipeline.from_pretrained(POSTCARDS, safety_checker=None)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return median_seconds(
        lambda: pipeline(
            PROMPT, height=256, width=256, num_inference_steps=steps, guidance_scale=5,
            output_type="latent"), options.runs)


# ---------------------------------------------------------------- retom


def program(name):
    path = subprocess.run(
        ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True,
        capture_output=True, text=True).stdout.strip()
    return f"{path}/{name}"


def bench(part, model, size, precision, options, *more):
    """Seconds of a call; of calls that merge, the mean over a period."""
    line = subprocess.run(
        [program("retom-eval"), "bench", part, "--model", str(model), "--size", str(size),
         "--precision", precision, "--threads", str(options.threads), "--runs", str(options.runs),
         *more], check=True, capture_output=True, text=True).stdout
    record = json.loads(line)
    plain, refresh = record["seconds_median"], record.get("seconds_refresh")
    return plain if refresh is None else ((PERIOD - 1) * plain + refresh) / PERIOD


def draw(options, *arguments):
    """The report of a run of the coordinator, and seconds from its start to the first step."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        command = [program("retom-coord"), "--json", "-o", str(out), *arguments]
        start = time.perf_counter()
        first = None
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                event = json.loads(line)
                if first is None and event["event"] == "image_progress" and event["step"] > 0:
                    first = time.perf_counter() - start
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
        return json.loads((out / "report.json").read_text()), first


@contextlib.contextmanager
def few_step_model(model):
    """The model with the scheduler of SD-Turbo, and TAESD with random weights of its shape."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for part in ["unet", "vae", "text_encoder", "tokenizer", "model_index.json"]:
            if (model / part).exists():
                (folder / part).symlink_to((model / part).resolve())
        EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
            timestep_spacing="trailing").save_pretrained(folder / "scheduler")
        torch.manual_seed(0)
        AutoencoderTiny().save_pretrained(folder / "taesd")
        yield folder, folder / "taesd/diffusion_pytorch_model.safetensors"


def few_step_run(model, steps, count, options, *more, workers=1):
    """What `openvino_pictures_record` measures, of a run of new prompts on local workers.

    Seconds are the medians of pictures after the first two, pictures per hour those of the whole
    run, loading included; memory is that of all processes.
    """
    prompts = [word for i in range(count) for word in ("-p", f"{PROMPT}, number {i}")]
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        command = [
            program("retom-coord"), "--json", "-o", str(out), "--model", str(model), *prompts,
            "--steps", str(steps), "--cfg-scale", "1", "-W", "512", "-H", "512", "--precision",
            options.precisions[0], "--decode-on", "workers", "--local-workers", str(workers),
            "--threads", str(options.threads // workers), *more]
        start = time.perf_counter()
        first, peaks = None, {}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                if json.loads(line)["event"] != "image_written":
                    continue
                first = first or time.perf_counter() - start
                for pid in [process.pid, *children(process.pid)]:
                    peaks[pid] = max(peaks.get(pid, 0), peak_gigabytes(pid))
        wall = time.perf_counter() - start
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
        report = json.loads((out / "report.json").read_text())
    seconds = [sum(image["timings"].values()) for image in report["images"][2:]]
    return {
        "seconds": statistics.median(seconds), "first_seconds": first,
        "peak_gigabytes": sum(peaks.values()), "per_hour": 3600 * count / wall}


def children(pid):
    """Processes that a process started."""
    tasks = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def peak_gigabytes(pid):
    """Peak resident memory of a process."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e9
    return 0


def worker_peak_gigabytes(model, size, precision, options):
    """Peak resident memory of a worker that generates one image of two steps."""
    with tempfile.TemporaryDirectory() as folder:
        hosts = pathlib.Path(folder) / "hosts.txt"
        port = 17400
        worker = subprocess.Popen(
            [program("retom-worker"), "--model", str(model), "--port", str(port), "--precision",
             precision, "--threads", str(options.threads)], stderr=subprocess.DEVNULL)
        try:
            hosts.write_text(f"127.0.0.1:{port}\n")
            time.sleep(30)
            draw(
                options, "--workers", str(hosts), "--model", str(model), "-p", PROMPT, "--steps",
                "2", "-W", str(size), "-H", str(size))
            return peak_gigabytes(worker.pid)
        finally:
            worker.terminate()
            worker.wait()


# ---------------------------------------------------------------- the table


def print_row(work, target, own, peer, peer_name):
    print(
        f"| {work} | {own:.3f} | {peer:.3f} ({peer_name}) | {own / peer:.2f} | {target} |",
        flush=True)


def compare(work, target, own, peer, peer_name):
    """Times the two alternately: own, peer, own."""
    before = own()
    theirs = peer()
    print_row(work, target, (before + own()) / 2, theirs, peer_name)


def rows(options):
    """Names and functions that print a row or more."""
    sd15, sd21 = options.sd15, options.sd21
    fast = options.precisions[0]

    def unet():
        for precision in options.precisions:
            target = {"bf16": 0.70, "f32": 0.75}[precision]
            compare(
                f"U-Net call 512², {precision}", target,
                lambda: bench("unet", sd15, 512, precision, options, "--merge", "none"),
                lambda: openvino_seconds(UNetCall(sd15), 512, precision, options), "OpenVINO")

    def int8():
        for work, merge, target in (("", ["--merge", "none"], 0.45), (", ReToM R = 0.5", MERGE, 0.36)):
            compare(
                f"U-Net call 512², int8{work}", target,
                lambda: bench("unet", sd15, 512, "int8", options, *merge),
                lambda: openvino_seconds(UNetCall(sd15), 512, fast, options), f"OpenVINO, {fast}")

    def merged():
        own = lambda: bench("unet", sd15, 512, fast, options, *MERGE)
        work = f"U-Net call 512², {fast}, ReToM R = .5"
        compare(
            work, 0.60, own, lambda: openvino_seconds(UNetCall(sd15), 512, fast, options),
            "OpenVINO")
        compare(
            work, 0.60, own, lambda: torch_seconds(UNetCall(sd15), 512, fast, options, tome=0.5),
            "PyTorch + ToMeSD .5")

    def large():
        compare(
            f"U-Net call 1024², {fast}, ReToM R = .5", 0.55,
            lambda: bench("unet", sd15, 1024, fast, options, *MERGE),
            lambda: openvino_seconds(UNetCall(sd15), 1024, fast, options), "OpenVINO")

    def vae():
        for precision in options.precisions:
            target = {"bf16": 1.0, "f32": 0.70}[precision]
            compare(
                f"VAE decode 512², {precision}", target,
                lambda: bench("vae", sd15, 512, precision, options),
                lambda: openvino_seconds(Decode(sd15), 512, precision, options), "OpenVINO")

    def second():
        compare(
            f"SD 2.1 shape, U-Net call 768², {fast}", 0.75,
            lambda: bench("unet", sd21, 768, fast, options, "--merge", "none"),
            lambda: openvino_seconds(UNetCall(sd21), 768, fast, options), "OpenVINO")

    def picture():
        steps = 20

        def own(precision, *more):
            # The first picture warms up.
            report, _ = draw(
                options, "--model", str(sd15), "-p", PROMPT, "-p", PROMPT + ", night", "-s", "1", "--steps",
                str(steps), "--sampling-method", "dpm++2m", "--cfg-scale", "7.5", "-W", "512", "-H", "512",
                "--decode-on", "workers", "--local-workers", "1", "--threads", str(options.threads),
                "--precision", precision, *more)
            return sum(report["images"][1]["timings"].values())

        plain, merge = ["--merge", "none"], ["--merge", "retom", "--merge-period", "2"]
        forecast = ["--forecast", "2"]
        settings = [
            ("all calls", fast, plain, ""), ("forecast 2", fast, forecast + plain, 0.40),
            ("forecast 2, ReToM p = 2", fast, forecast + merge, ""),
            ("forecast 2", "int8", forecast + plain, 0.40),
            ("forecast 2, ReToM p = 2", "int8", forecast + merge, "")]
        before = [own(precision, *more) for _, precision, more, _ in settings]
        theirs = (
            2 * openvino_seconds(Encode(sd15), 512, fast, options)
            + steps * openvino_seconds(UNetCall(sd15), 512, fast, options)
            + openvino_seconds(Decode(sd15), 512, fast, options))
        others = torch_picture_seconds(sd15, 512, steps, fast, options)
        best = min(others, key=others.get)
        after = [own(precision, *more) for _, precision, more, _ in settings]
        for (name, precision, _, target), one, two in zip(settings, before, after):
            work = f"SD 1.5's shape 512², {steps} × DPM++ 2M, {precision}, {name}"
            print_row(work, target, (one + two) / 2, theirs, "OpenVINO's networks")
            print_row(work, 0.55 if target else "", (one + two) / 2, others[best], best)
        for name, seconds in others.items():
            print(f"| … {name} | | {seconds:.3f} | | |", flush=True)

    def image():
        def own(*more):
            report, _ = draw(
                options, "-p", PROMPT, "-b", "9", "--steps", "25", "--sampling-method", "ddim",
                "--cfg-scale", "5", "--local-workers", "1", "--threads", str(options.threads),
                *more)
            times = [image["timings"]["sampling_seconds"] for image in report["images"]]
            return statistics.median(times[1:])

        work = "embedded model 256², 25 DDIM steps, sampling"
        compare(
            f"{work}, f32", 0.5, lambda: own("--precision", "f32", "--merge", "none"),
            lambda: diffusers_seconds(options, 25), "diffusers")
        calls = lambda: 25 * openvino_seconds(UNetCall(POSTCARDS), 256, "f32", options)
        compare(
            f"{work}, f32", 0.8, lambda: own("--precision", "f32", "--merge", "none"), calls,
            "OpenVINO's U-Net calls")
        compare(f"{work}, with the defaults", 0.8, own, calls, "OpenVINO's U-Net calls, f32")

    def text():
        report, _ = draw(
            options, "--model", str(sd15), "-p", PROMPT, "-p", PROMPT + ", night", "--steps", "25",
            "--local-workers", "1", "--threads", str(options.threads))
        timings = report["images"][1]["timings"]
        print_row(
            "text encoder of a 25-step image 512²", 0.01, timings["text_seconds"],
            timings["sampling_seconds"], "its sampling")

    def start():
        arguments = [
            "--model", str(sd15), "-p", PROMPT, "--steps", "2", "--local-workers", "1",
            "--threads", str(options.threads)]
        draw(options, *arguments)  # brings the files into the page cache
        seconds = [draw(options, *arguments)[1] for _ in range(3)]
        print(f"| process start to the end of the first step, s | {statistics.median(seconds):.2f} | | | 4 |", flush=True)

    def memory():
        for precision in options.precisions:
            target = {"bf16": 2.4, "f32": 4.2}[precision]
            peak = worker_peak_gigabytes(sd15, 512, precision, options)
            print(f"| worker memory 512², {precision}, GB | {peak:.2f} | | | {target} |", flush=True)

    def workers():
        def rate(count, threads):
            report, _ = draw(
                options, "-p", PROMPT, "-b", "24", "--local-workers", str(count), "--threads",
                str(threads))
            return 3600 * report["run"]["images_per_second"]

        half = options.threads // 2
        one, two = rate(1, options.threads), rate(2, half)
        one, two = (one + rate(1, options.threads)) / 2, (two + rate(2, half)) / 2
        print(f"| images per hour, embedded model: 2 workers × {half} against 1 × {options.threads} | {two:.0f} | {one:.0f} | {two / one:.2f} | |", flush=True)

    def pictures(name, model, steps, *more):
        with few_step_model(model) as (folder, taesd), tempfile.TemporaryDirectory() as ir:
            openvino_pictures.convert({"text": Encode(model), "unet": HalfCall(model)}, 512, ir)
            work = f"{name}, {steps} step{'s' * (steps > 1)} 512², {fast}"
            for decoder, peer, target, extra in [
                ("TAESD", TinyDecode, 0.65, ["--taesd", str(taesd)]),
                ("the full VAE", lambda: Decode(model), 0.60, []),
            ]:
                openvino_pictures.convert({"decoder": peer()}, 512, ir)
                def own(count, merge=("--merge", "none"), workers=1):
                    return few_step_run(
                        folder, steps, count, options, *more, *extra, *merge, workers=workers)

                theirs = lambda *rate: openvino_pictures_record(ir, steps, fast, options, *rate)
                own(3)  # brings the files into the page cache
                before, peers, after = own(options.runs + 2), theirs(), own(options.runs + 2)
                print_row(
                    f"{work}, {decoder}", target if steps == 1 else 0.65,
                    (before["seconds"] + after["seconds"]) / 2, peers["seconds"], "OpenVINO")
                print_row(
                    "… with ReToM R = .5", "", own(options.runs + 2, MERGE)["seconds"],
                    peers["seconds"], "OpenVINO")
                for key, what in [
                    ("first_seconds", "start to the first picture, s"),
                    ("peak_gigabytes", "peak memory, GB"),
                ]:
                    print_row(f"… {what}", "", after[key], peers[key], "OpenVINO")
                if decoder == "TAESD" and options.prompts:
                    rate = max(
                        hourly(theirs(streams, batch), options.prompts, batch)
                        for streams, batch in RATES)
                    for words, merge in [("", ("--merge", "none")), (", ReToM", MERGE)]:
                        print_row(
                            f"… pictures per hour of {options.prompts} prompts{words}", 1.5,
                            max(own(options.prompts, merge, n)["per_hour"] for n in (1, 2)), rate,
                            "OpenVINO's best")

    def turbo():
        pictures("SD-Turbo's shape", sd21, 1)

    def lcm():
        pictures("SD 1.5's shape, LCM", sd15, 4, "--sampling-method", "lcm")

    return [
        ("unet", unet), ("int8", int8), ("merged", merged), ("large", large), ("vae", vae),
        ("sd21", second), ("picture", picture), ("image", image), ("text", text), ("start", start),
        ("memory", memory), ("workers", workers), ("turbo", turbo), ("lcm", lcm),
    ]


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sd15", type=pathlib.Path, required=True)
    parser.add_argument("--sd21", type=pathlib.Path)
    parser.add_argument("--only", nargs="*")
    parser.add_argument(
        "--precisions", nargs="+", choices=["bf16", "f32"], default=["bf16", "f32"],
        help="only f32 on a processor without bf16; rows with one precision use the first")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--prompts", type=int, default=32, help="of a run in few steps; 0 leaves it out")
    options = parser.parse_args()

    print(f"{processor()}, {options.threads} threads, {time.strftime('%Y-%m-%d')}\n")
    print("| work | retom, s | peer, s | ratio | target |")
    print("| --- | ---: | ---: | ---: | ---: |", flush=True)
    for name, row in rows(options):
        if options.only and name not in options.only or name in ("sd21", "turbo") and not options.sd21:
            continue
        row()


if __name__ == "__main__":
    main()
