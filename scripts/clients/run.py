# SPDX-License-Identifier: Apache-2.0
"""webuiapi, openai, sd-backend-client and image-generation-mcp, unchanged, and the requests of Open WebUI
and SillyTavern, against retom-serve; latents compared with retom-coord's."""

import asyncio
import base64
import io
import json
import math
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import aiohttp
import openai
import requests
import webuiapi
from PIL import Image
from image_generation_mcp.providers.sd_webui import SdWebuiImageProvider
from sd_backend_client import DiffusionParams, connect_to_backend
from sd_backend_client.errors import GenerationError

PROGRAMS = pathlib.Path(sys.argv[1])
QUICK = ["--steps", "4"]
# The most that the service takes.
STEPS_MAX = 150


def start(state, *options, authority=None):
    """Starts a service; returns it and its port once a worker is there."""
    program = subprocess.Popen(
        [PROGRAMS / "retom-serve", "--state", state, "--port", "0", "--local-workers", "1", *QUICK,
         *options],
        stdout=subprocess.PIPE, text=True)
    port = int(program.stdout.readline().rsplit(":", 1)[1])
    url = f"http{'s' if authority else ''}://127.0.0.1:{port}"
    for _ in range(300):
        workers = requests.get(f"{url}/retom/v1/cluster", verify=authority).json()["workers"]
        if any(worker["state"] == "ready" for worker in workers):
            return program, port
        time.sleep(0.1)
    raise SystemExit("no worker came")


def check(name, is_true, seen=""):
    print(("ok   " if is_true else "FAIL ") + name, "" if is_true else str(seen)[:2000], flush=True)
    if not is_true:
        raise SystemExit(1)


def pixels(image):
    return image.convert("RGB").tobytes()


def decoded(item):
    return pixels(Image.open(io.BytesIO(base64.b64decode(item.b64_json))))


def latents(url):
    """The latents of the newest batch's images."""
    batch = requests.get(f"{url}/retom/v1/batches").json()["batches"][0]
    return [
        requests.get(f"{url}/retom/v1/batches/{batch['id']}/latents/{index}").content
        for index in range(batch["image_count"])
    ]


def batch_ids(url, **headers):
    """The caller's batches, newest first."""
    answer = requests.get(f"{url}/retom/v1/batches", headers=headers).json()
    return [batch["id"] for batch in answer["batches"]]


def key(state, name):
    """Makes a caller's key."""
    return subprocess.run(
        [PROGRAMS / "retom-serve", "keys", "add", name, "--state", state], check=True,
        capture_output=True, text=True).stdout.strip()


def webui(port, folder):
    url = f"http://127.0.0.1:{port}"
    api = webuiapi.WebUIApi(host="127.0.0.1", port=port)
    result = api.txt2img(
        prompt="a red house", seed=5, batch_size=2, width=256, height=256, steps=4)
    check("webuiapi: two pictures", len(result.images) == 2)
    check("webuiapi: all_seeds", result.info["all_seeds"] == [5, 6], result.info)
    check("webuiapi: parameters", result.parameters["prompt"] == "a red house")
    served = latents(url)
    subprocess.run(
        [PROGRAMS / "retom-coord", "-p", "a red house", "-b", "2", "-s", "5", "-W", "256", "-H",
         "256", "--steps", "4", "--cfg-scale", "7", "--sampling-method", "euler_a",
         "--save-latents", "--local-workers", "1", "-o", folder],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for index, seed in enumerate([5, 6]):
        stem = folder / f"0000{index}-{seed}"
        check(f"latents of seed {seed} are retom-coord's",
              served[index] == stem.with_suffix(".safetensors").read_bytes())
        drawn = Image.open(stem.with_suffix(".png"))
        check(f"pixels of seed {seed} are retom-coord's",
              pixels(result.images[index]) == pixels(drawn))
    api.util_set_model("postcards")
    api.util_wait_for_ready()
    title = api.util_get_current_model()
    check("webuiapi: current model", title.startswith("postcards [") and len(title) == 22, title)
    info = api.png_info(result.image).info
    check("webuiapi: png_info", "Seed: 5" in info, info)
    for name in ["get_samplers", "get_schedulers", "get_sd_models", "get_options", "get_progress",
                 "get_memory", "get_loras", "get_embeddings", "get_scripts"]:
        if hasattr(api, name):
            getattr(api, name)()
    try:
        api.txt2img(prompt="x", sampler_name="no such sampler")
        check("webuiapi: unknown sampler", False)
    except RuntimeError as error:
        check("webuiapi: unknown sampler", error.args[0] == 404 and
              '"detail":"Sampler not found"' in error.args[1], error.args)

    async def asynchronous():
        with_key = webuiapi.WebUIApi(host="127.0.0.1", port=port, username="u", password="k")
        return await with_key.txt2img(prompt="x", steps=4, width=256, height=256, use_async=True)

    check("webuiapi: asynchronous", len(asyncio.run(asynchronous()).images) == 1)


def counted(port, **options):
    """A client, and the list of the requests that it has sent."""
    sent = []
    http = openai.DefaultHttpxClient(event_hooks={"request": [sent.append]})
    return openai.OpenAI(
        base_url=f"http://127.0.0.1:{port}/v1", api_key="k", http_client=http, **options), sent


def slow_side(client):
    """The side of a picture that takes as near to three seconds as the service's limits allow, and its
    seconds."""
    for side in [512, 768, 1024]:
        begin = time.monotonic()
        client.images.generate(
            prompt="how long one takes", size=f"{side}x{side}", extra_body={"steps": STEPS_MAX})
        seconds = time.monotonic() - begin
        if seconds >= 3:
            break
    check("a picture takes longer than a preview's second", seconds > 1.5, seconds)
    return side, seconds


def partial_images(client, side):
    """Previews come once a second: of a picture that takes some, a stream shows one or two."""
    events = list(client.images.generate(
        prompt="a red house", size=f"{side}x{side}", stream=True, partial_images=2,
        extra_body={"steps": STEPS_MAX}))
    partial = [event for event in events if event.type == "image_generation.partial_image"]
    check("openai: partial images come first",
          len(partial) in (1, 2) and events[-1].type == "image_generation.completed"
          and [event.partial_image_index for event in partial] == list(range(len(partial))),
          [event.type for event in events])
    check("openai: they have the picture's size",
          all(Image.open(io.BytesIO(base64.b64decode(event.b64_json))).size == (side, side)
              for event in partial))


def retries(port, side, seconds):
    """Pictures that take longer than the client's patience: it asks again, and nothing is drawn twice."""
    url = f"http://127.0.0.1:{port}"
    client, sent = counted(port, timeout=3, max_retries=10)
    before = batch_ids(url)
    count = max(2, math.ceil(8 / seconds))
    drawn = client.images.generate(
        prompt="a slow house", n=count, size=f"{side}x{side}", extra_body={"steps": STEPS_MAX})
    asked = [request for request in sent if request.method == "POST"]
    check("openai: its own retries get the pictures", len(drawn.data) == count)
    check("openai: it did ask again", len(asked) > 1, asked)
    new = [name for name in batch_ids(url) if name not in before]
    check(f"openai: {len(asked)} requests, one batch", len(new) == 1, new)


def open_ai(port):
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="k")
    check("openai: models", [model.id for model in client.models.list()] == ["postcards"])
    options = {"prompt": "a red house", "size": "256x256"}
    body = {"seed": 5, "steps": 4}
    first = client.images.generate(**options, n=2, extra_body=body)
    check("openai: two pictures", len(first.data) == 2 and first.output_format == "png")
    for item in first.data:
        Image.open(io.BytesIO(base64.b64decode(item.b64_json))).load()
    events = list(client.images.generate(
        **options, n=2, stream=True, partial_images=2, extra_body=body))
    done = [event for event in events if event.type == "image_generation.completed"]
    check("openai: stream", len(done) == 2 and all(event.usage for event in done), events)
    check("openai: the stream has the same pictures",
          {decoded(event) for event in done} == {decoded(item) for item in first.data})
    side, seconds = slow_side(client)
    partial_images(client, side)
    retries(port, side, seconds)
    url = f"http://127.0.0.1:{port}"
    before = batch_ids(url)
    answers = []

    def ask():
        answers.append(client.images.generate(
            **options, extra_headers={"Idempotency-Key": "one"}, extra_body={"steps": 4}))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check("openai: one key, one picture", answers[0].data[0].b64_json == answers[1].data[0].b64_json)
    check("openai: one key, one batch", len(set(batch_ids(url)) - set(before)) == 1, batch_ids(url))
    counting, sent = counted(port)
    try:
        counting.images.generate(prompt="another", extra_headers={"Idempotency-Key": "one"})
        check("openai: another body under a key", False)
    except openai.UnprocessableEntityError:
        check("openai: another body under a key, which is asked once", len(sent) == 1, sent)
    try:
        client.images.generate(prompt="x", model="no-such-model")
        check("openai: unknown model", False)
    except openai.NotFoundError as error:
        check("openai: unknown model", error.code == "model_not_found", error)


def sd_backend(url, ann, bob):
    # Another caller's work must neither be seen nor be waited for.
    anns = {"Authorization": f"Bearer {ann}"}
    crowd = requests.post(
        f"{url}/retom/v1/batches", headers=anns,
        json={"prompts": ["a crowd"], "settings": {"n_iter": 1000}}).json()
    backend = connect_to_backend(url, credentials_provider=lambda: ("bob", bob))
    check("sd-backend-client: takes it for A1111", "A1111" in type(backend).__name__, backend)
    result = backend.submit_txt2img(
        DiffusionParams(prompt="a corgi", steps=4, width=256, height=256, seed=42)).wait(timeout=60)
    check("sd-backend-client: a picture", result.seeds == [42], result.seeds)
    left = requests.get(f"{url}/retom/v1/batches/{crowd['id']}?images=0", headers=anns).json()
    check("sd-backend-client: beside another caller's 1,000", left["status"] == "generating", left)
    able = {name for name, is_able in backend.get_capabilities().model_dump().items() if is_able}
    check("sd-backend-client: able of nothing but schedulers", able == {"scheduler"}, able)
    check("sd-backend-client: checkpoints", len(backend.list_checkpoints()) == 1)
    handle = backend.submit_txt2img(
        DiffusionParams(prompt="a corgi", steps=STEPS_MAX, width=1024, height=1024, seed=42))
    time.sleep(2)
    check("sd-backend-client: cancel", handle.cancel())
    try:
        handle.wait(timeout=30)
        check("sd-backend-client: a cancelled picture", False)
    except GenerationError:
        check("sd-backend-client: a cancelled picture", True)
    left = requests.get(f"{url}/retom/v1/batches/{crowd['id']}?images=0", headers=anns).json()
    check("sd-backend-client: cancels its own only", left["status"] == "generating", left)
    requests.post(f"{url}/retom/v1/batches/{crowd['id']}/cancel", headers=anns).raise_for_status()


def open_webui(url):
    """Open WebUI's requests: aiohttp, an empty authorization, all options sent back."""
    async def call():
        headers = {"authorization": ""}
        async with aiohttp.ClientSession(trust_env=True, headers=headers) as session:
            async with session.get(f"{url}/sdapi/v1/options") as answer:
                options = await answer.json()
            async with session.get(f"{url}/sdapi/v1/sd-models") as answer:
                models = await answer.json()
            options["sd_model_checkpoint"] = models[0]["title"]
            async with session.post(f"{url}/sdapi/v1/options", json=options) as answer:
                chosen = answer.status, await answer.text(), answer.headers.get("X-Retom-Ignored")
            body = {"prompt": "a red house", "batch_size": 2, "width": 256, "height": 256, "steps": 4}
            async with session.post(f"{url}/sdapi/v1/txt2img", json=body) as answer:
                return chosen, answer.status, await answer.json()

    chosen, status, drawn = asyncio.run(call())
    check("Open WebUI: options sent back", chosen == (200, "null", None), chosen)
    check("Open WebUI: two pictures", status == 200 and len(drawn["images"]) == 2 and drawn["info"], status)


def silly_tavern(url, state):
    """SillyTavern's body: its fields for its own server, the password among them, are kept nowhere."""
    password = "ann:swordfish-8f2c61"
    body = {
        "url": "http://sillytavern.invalid:7860", "auth": password, "prompt": "a red house",
        "negative_prompt": "blurry", "sampler_name": "Euler a", "scheduler": "Automatic", "steps": 4,
        "cfg_scale": 7, "width": 256, "height": 256, "restore_faces": False, "enable_hr": False,
        "hr_upscaler": "Latent", "hr_scale": 1, "denoising_strength": 0.7, "hr_second_pass_steps": 0,
        "seed": 5, "override_settings": {"CLIP_stop_at_last_layers": 1},
        "override_settings_restore_afterwards": True, "clip_skip": 1, "save_images": True,
        "send_images": True, "do_not_save_grid": False, "do_not_save_samples": False,
    }
    answer = requests.post(f"{url}/sdapi/v1/txt2img", json=body, headers={"Authorization": "Basic "})
    drawn = answer.json()
    check("SillyTavern: a picture", answer.status_code == 200 and len(drawn["images"]) == 1, answer.text)
    check("SillyTavern: parameters", drawn["parameters"]["negative_prompt"] == "blurry")
    check("SillyTavern: neither url nor auth comes back",
          {"url", "auth"}.isdisjoint(drawn["parameters"])
          and {"url", "auth"}.isdisjoint(json.loads(drawn["info"])))
    secrets = [password.encode(), base64.b64encode(password.encode()), b"sillytavern.invalid"]
    told = answer.content + repr(answer.headers).encode()
    for path in [path for path in state.rglob("*") if path.is_file()]:
        told += path.read_bytes()
    check("SillyTavern: the password is in no answer and no file",
          b"blurry" in told and not any(secret in told for secret in secrets))


def mcp(url):
    async def generate():
        provider = SdWebuiImageProvider(url, model=None)
        capabilities = await provider.discover_capabilities()
        seen = []
        title = requests.get(f"{url}/sdapi/v1/options").json()["sd_model_checkpoint"]
        result = await provider.generate(
            "a house", model=title, progress_callback=lambda fraction, text: seen.append(fraction))
        return capabilities, result, seen

    capabilities, result, seen = asyncio.run(generate())
    check("image-generation-mcp: models", len(capabilities.models) == 1 and not capabilities.degraded)
    check("image-generation-mcp: a PNG", result.image_data[:4] == b"\x89PNG")
    check("image-generation-mcp: progress",
          seen and seen == sorted(seen) and 0 <= seen[0] and seen[-1] <= 1
          and (len(seen) < 3 or seen[-1] > 0), seen)


def https(folder):
    """The same service under TLS, for clients that know its authority."""
    made = folder / "certificates"
    subprocess.run(
        ["cluster/make-certificates", "-o", made, "127.0.0.1"], check=True, capture_output=True)
    authority = str(made / "ca.pem")
    program, port = start(
        folder / "https", "--http-tls-cert", made / "127.0.0.1.pem", "--http-tls-key",
        made / "127.0.0.1.key", authority=authority)
    try:
        def curl(*words):
            return subprocess.run(["curl", "-s", *words], capture_output=True, text=True)

        if shutil.which("curl"):
            answer = curl("--cacert", authority, f"https://127.0.0.1:{port}/healthz")
            check("curl: https", answer.stdout == "ok\n", answer)
            check("curl: an unknown authority",
                  curl(f"https://127.0.0.1:{port}/healthz").returncode == 60)
            plain = curl(f"http://127.0.0.1:{port}/healthz")
            check("curl: http where https is spoken", "use https://" in plain.stdout, plain)
        client = openai.OpenAI(
            base_url=f"https://127.0.0.1:{port}/v1", api_key="k",
            http_client=openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=authority)))
        drawn = client.images.generate(prompt="a red house", size="256x256", extra_body={"steps": 4})
        check("openai: https", len(drawn.data) == 1)
    finally:
        program.terminate()
        program.wait()


def keyed(state, url):
    """Once there are keys, one that is wrong is refused, and callers do not see each other."""
    ann, bob = key(state, "ann"), key(state, "bob")
    host, port = url.removeprefix("http://").split(":")

    def ask(password):
        api = webuiapi.WebUIApi(host=host, port=int(port), username="u", password=password)
        return api.txt2img(prompt="x", steps=4, width=256, height=256)

    check("webuiapi: the right key", len(ask(ann).images) == 1)
    try:
        ask("wrong")
        check("webuiapi: a wrong key", False)
    except RuntimeError as error:
        check("webuiapi: a wrong key", error.args[0] == 401, error.args)
    sd_backend(url, ann, bob)


with tempfile.TemporaryDirectory() as directory:
    directory = pathlib.Path(directory)
    program, port = start(directory / "state")
    try:
        webui(port, directory / "coord")
        open_ai(port)
        url = f"http://127.0.0.1:{port}"
        mcp(url)
        open_webui(url)
        silly_tavern(url, directory / "state")
        keyed(directory / "state", url)
    finally:
        program.terminate()
        program.wait()
    https(directory)
