# SPDX-License-Identifier: Apache-2.0
"""schemathesis against retom-serve on the embedded model."""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request
from shlex import quote, split

FOLDER = pathlib.Path(__file__).parent


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("bin", type=pathlib.Path)
    arguments.add_argument("--examples", type=int, default=10, help="of each operation and phase")
    arguments.add_argument("--seed", type=int, default=1)
    # What is behind -- goes to schemathesis.
    ours, _, rest = " ".join(map(quote, sys.argv[1:])).partition(" -- ")
    options = arguments.parse_args(split(ours))
    with tempfile.TemporaryDirectory() as folder:
        state = f"{folder}/state"
        key = subprocess.run(
            [options.bin / "retom-serve", "keys", "add", "api", "--admin", "--state", state], check=True,
            capture_output=True, text=True).stdout.strip()
        # With a public name every request needs its key, as that of another machine.
        program = subprocess.Popen(
            [options.bin / "retom-serve", "--state", state, "--port", "0", "--local-workers", "1",
             "--public-url", "http://localhost", "--steps", "1", "-W", "64", "-H", "64"],
            stdout=subprocess.PIPE, text=True)
        try:
            url = f"http://127.0.0.1:{int(program.stdout.readline().rsplit(':', 1)[1])}"
            wait_for_worker(url, key)
            result = subprocess.run(
                [pathlib.Path(sys.executable).parent / "schemathesis",
                 "--config-file", FOLDER / "schemathesis.toml", "run", f"{url}/openapi.json",
                 "--checks", "all", "--max-examples", str(options.examples), "--seed",
                 str(options.seed), "--header", f"Authorization: Bearer {key}",
                 "--request-timeout", "60", "--max-response-time", "30", "--continue-on-failure",
                 *split(rest)],
                env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(FOLDER)},
                cwd=folder)
            if program.poll() is not None:
                sys.exit(f"the service ended with {program.returncode}")
            urllib.request.urlopen(f"{url}/readyz").read()
        finally:
            program.terminate()
            program.wait()
    sys.exit(result.returncode)


def wait_for_worker(url, key):
    request = urllib.request.Request(
        f"{url}/retom/v1/cluster", headers={"Authorization": f"Bearer {key}"})
    for _ in range(300):
        if b'"state":"ready"' in urllib.request.urlopen(request).read():
            return
        time.sleep(0.1)
    sys.exit("no worker came")


main()
