# SPDX-License-Identifier: Apache-2.0
"""Keeps what schemathesis asks for small: pictures are really generated."""

import json

import requests
import schemathesis

LIMITS = {"width": 64, "height": 64, "steps": 2, "batch_size": 2, "n_iter": 2, "n": 2}


def shrink(value):
    if isinstance(value, dict):
        for key, limit in LIMITS.items():
            if isinstance(value.get(key), (int, float)) and value[key] > limit:
                value[key] = limit
        for part in value.values():
            shrink(part)
    elif isinstance(value, list):
        for part in value:
            shrink(part)


@schemathesis.serializer("application/jsonl")
def lines(context, value):
    # Any text is a prompt file, JSON too: invalid cases are sent as bytes that are not UTF-8.
    return value.encode() if isinstance(value, str) else b"\xff" + json.dumps(value).encode()


@schemathesis.hook
def before_call(context, case, kwargs):
    shrink(case.body)


@schemathesis.hook
def after_call(context, case, response):
    """Resumes a worker that was drained: without one, requests that wait are rightly 503."""
    if case.operation.path.endswith("/drain") and response.status_code == 200:
        asked = response.request
        requests.post(asked.url.replace("/drain", "/resume"), headers=dict(asked.headers), timeout=10)
