#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people do with the service's page, in a real browser on the embedded model.

Called by scripts/test-browser. Each journey ends with the same checks: axe finds no violation, nothing was
asked of another origin, the console has no error, nothing scrolls sideways, controls are 44 px high.
"""
import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

SIZES = {"wide": (1280, 800), "narrow": (360, 740)}
FINISHED = 60_000  # ms until pictures are there, on a busy machine
expect.set_options(timeout=20_000)


class Service:
    """retom-serve with one worker on a port of its own."""

    def __init__(self, folder, bin, *options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.state, self.bin, self.options = f"{folder}/{self.port}", bin, options
        self.process = self.ann = None

    def start(self):
        self.process = subprocess.Popen(
            [f"{self.bin}/retom-serve", "--state", self.state, "--local-workers", "1", "--port", str(self.port),
             *(option.format(url=self.url) for option in self.options)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(300):
            if self.process.poll() is not None:
                sys.exit(f"retom-serve ended: {self.process.stderr.read()}")
            try:
                return urllib.request.urlopen(f"{self.url}/readyz", timeout=1).read()
            except OSError:
                time.sleep(0.1)
        sys.exit("retom-serve did not begin to listen within 30 s")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def clear(self):
        """Every journey begins with an empty service."""
        if self.process.poll() is not None:
            self.start()
        for batch in json.loads(self.ask("GET", "batches"))["batches"]:
            self.ask("DELETE", f"batches/{batch['id']}")

    def ask(self, method, path):
        request = urllib.request.Request(f"{self.url}/retom/v1/{path}", method=method)
        if self.ann:
            request.add_header("Authorization", f"Bearer {self.ann}")
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def key(self, name):
        text = subprocess.run([f"{self.bin}/retom-serve", "keys", "add", name, "--state", self.state],
                              check=True, capture_output=True, text=True).stdout
        return re.search(r"rtm_\S+", text).group()


class Visit:
    """A browser's tab, and what it must not do."""

    def __init__(self, browser, service, size, scheme):
        width, height = SIZES[size]
        self.service = service
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce")
        self.page = self.context.new_page()
        self.errors, self.foreign, self.expected = [], [], []
        self.page.on("console", self.note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self.watch)

    def note(self, message):
        if message.type == "error" and not any(re.search(text, message.text) for text in self.expected):
            self.errors.append(message.text)

    def watch(self, request):
        if not request.url.startswith((self.service.url, "data:")):
            self.foreign.append(request.url)

    def open(self, path="/"):
        self.page.goto(self.service.url + path)
        expect(self.page.locator("#connection")).to_have_text("live")

    def draw(self, prompt, **settings):
        """Fills the form and draws; returns the batch's card."""
        page, name = self.page, prompt
        page.locator("[name=prompt]").fill(prompt)
        for key, value in settings.items():
            page.locator(f"#form [name={key}]").fill(str(value))
        page.keyboard.press("Control+Enter")
        return page.locator(".batch", has_text=name).first

    def check(self):
        page = self.page
        found = Axe().run(page)
        assert not found.violations_count, found.generate_report()
        assert not self.foreign, f"foreign requests: {self.foreign}"
        assert not self.errors, f"errors: {self.errors}"
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, f"scrolls {over} px sideways"
        low = page.evaluate("""[...document.querySelectorAll("button, a.button, input, select, textarea, nav a")]
            .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 43.5)
            .map((e) => e.outerHTML.slice(0, 80))""")
        assert not low, f"lower than 44 px: {low}"


def first_picture_by_keyboard(visit):
    page = visit.page
    visit.open()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "prompt":
            break
    page.keyboard.type("a lighthouse by the sea")
    page.keyboard.press("Control+Enter")
    tile = page.locator(".batch .tile[data-status=completed]").first
    expect(tile.locator("img[src]")).to_be_visible(timeout=FINISHED)
    expect(page.locator("#live")).to_contain_text("finished")
    visit.check()
    while page.evaluate("!document.activeElement.matches('.tile')"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#details")).to_be_visible()
    visit.check()
    page.keyboard.press("Escape")
    expect(page.locator("#details")).to_be_hidden()
    page.keyboard.press("?") if page.evaluate("!document.activeElement.matches('input')") else None
    expect(page.locator("#keys")).to_be_visible()
    visit.check()
    page.keyboard.press("Escape")


def cancel(visit):
    visit.open()
    card = visit.draw("a boat on a lake", count=40, steps=100)
    expect(card).to_contain_text("generating")
    visit.check()
    card.get_by_role("button", name="Cancel").click()
    expect(card).to_contain_text("cancelled")
    expect(card.get_by_role("button", name="Cancel")).to_be_hidden()


def preview(visit):
    page = visit.page
    visit.open()
    card = visit.draw("a castle at night", steps=150, count=30)
    shown = card.locator('.tile[data-status=generating] img[src^="data:"]').first
    expect(shown).to_be_visible()
    assert page.evaluate("document.querySelector('.tile img[src^=\"data:\"]').naturalWidth") == 32
    visit.check()
    first = shown.get_attribute("src")
    expect(shown).not_to_have_attribute("src", first)
    card.get_by_role("button", name="Cancel").click()
    expect(card).to_contain_text("cancelled")
    expect(card.locator('img[src^="data:"]')).to_have_count(0)
    # What has no picture shows no sign of a broken one either.
    expect(card.locator('.tile[data-status=cancelled] img').first).to_have_css("visibility", "hidden")


def reload_in_mid_run(visit):
    page = visit.page
    visit.open()
    visit.draw("a windmill on a hill", count=3, steps=120)
    expect(page.locator(".batch .tile progress").first).to_be_visible()
    page.reload()
    assert page.locator("[name=prompt]").input_value() in ("", "a windmill on a hill")
    card = page.locator(".batch", has_text="windmill").first
    expect(card).to_contain_text("generating")
    expect(page.locator("[name=prompt]")).to_have_value("a windmill on a hill")
    expect(page.locator("[name=steps]")).to_have_value("120")
    expect(card).to_contain_text("3 of 3", timeout=FINISHED)
    expect(card.locator("img[src]")).to_have_count(3)


def service_killed_and_back(visit):
    page = visit.page
    visit.expected = [r"ERR_(CONNECTION|INCOMPLETE|EMPTY)"]
    visit.open()
    visit.draw("a red barn at night", count=3, steps=120)
    expect(page.locator(".batch", has_text="barn").first).to_contain_text("generating")
    visit.service.kill()
    expect(page.locator("#connection")).to_have_text("offline")
    expect(page.locator("#banner")).to_contain_text("not lost")
    visit.check()
    page.locator("[name=prompt]").fill("a tent by a river")
    page.locator("[name=count]").fill("1")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#submit")).to_have_text("Sending…")
    visit.service.start()
    expect(page.locator("#connection")).to_have_text("live")
    expect(page.locator("#banner")).to_be_hidden()
    tents = page.locator(".batch", has_text="tent")
    expect(tents.first).to_contain_text("1 of 1", timeout=FINISHED)
    expect(tents).to_have_count(1)
    expect(page.locator(".batch", has_text="barn").first).to_contain_text("3 of 3", timeout=FINISHED)


def problems_at_their_fields(visit):
    page = visit.page
    visit.expected = ["422"]
    visit.open()
    visit.draw(" ", width=251)
    expect(page.locator("#problem-prompt")).to_contain_text("Say what")
    expect(page.locator("#problem-width")).not_to_be_empty()
    expect(page.locator("[name=prompt]")).to_be_focused()
    visit.check()
    page.locator("#form [name=forecast]").select_option("2")
    visit.draw("a house", width=256, seed="x")
    expect(page.locator("#problem-seed")).to_contain_text("whole number")
    visit.draw("a house", seed="7")
    expect(page.locator("#problem-forecast")).not_to_be_empty()
    visit.check()
    page.get_by_role("button", name="Defaults").click()
    expect(page.locator("#problem-forecast")).to_be_empty()
    assert page.locator("[name=prompt]").input_value() == "a house"


def gallery(visit):
    page = visit.page
    visit.open()
    for prompt, seed in (("a yellow house", 11), ("a white sailboat", 12)):
        card = visit.draw(prompt, seed=seed, steps=4)
        expect(card).to_contain_text("1 of 1", timeout=FINISHED)
    page.locator("#form h1").click()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#pictures .open").nth(1)).to_be_visible()
    visit.check()
    page.keyboard.type("white sail")
    expect(page.locator("#pictures .open", has_text="house")).to_have_count(0)
    assert "q=white+sail" in page.url
    page.reload()
    expect(page.locator("#q")).to_have_value("white sail")
    expect(page.locator("#pictures .open").first).to_contain_text("sailboat")
    page.locator("#filters [name=seed]").fill("99")
    expect(page.locator("#no-pictures")).to_contain_text("Clear the filters")
    visit.check()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#pictures .open").nth(1)).to_be_visible()
    page.locator("#pictures .open").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#pictures .open").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#details dd").first).to_have_text("a yellow house")
    visit.check()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#details dd").first).to_have_text("a white sailboat")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#details dd").first).to_have_text("a yellow house")
    page.keyboard.press("Escape")


def settings_back(visit):
    page = visit.page
    visit.open()
    page.locator("#form [name=profile]").select_option("quality")
    card = visit.draw("a palm tree on a beach", seed=18446744073709551615, steps=5, cfg_scale=6.5)
    expect(card).to_contain_text("1 of 1", timeout=FINISHED)
    page.locator("#reset").click()
    visit.page.locator("[name=prompt]").fill("something else")
    card.locator(".tile").first.click()
    expect(page.locator("#details")).to_contain_text("18446744073709551615")
    visit.check()
    page.get_by_role("button", name="Use seed").click()
    expect(page.locator("#form [name=seed]")).to_have_value("18446744073709551615")
    expect(page.locator("[name=prompt]")).to_have_value("something else")
    card.locator(".tile").first.click()
    page.get_by_role("button", name="Use these settings").click()
    for name, value in {"prompt": "a palm tree on a beach", "steps": "5", "cfg_scale": "6.5", "profile": "quality"}.items():
        expect(page.locator(f"#form [name={name}]")).to_have_value(value)
    with page.expect_download() as download:
        card.locator(".tile").first.click()
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "00000-18446744073709551615.png"


def compare(visit):
    page = visit.page
    visit.open()
    card = visit.draw("a green hill under the sun", seed=5, steps=6)
    expect(card).to_contain_text("1 of 1", timeout=FINISHED)
    page.goto(visit.service.url + "/#/compare")
    expect(page.locator("#no-comparison")).to_be_visible()
    page.goto(visit.service.url + "/#/gallery?q=green+hill")
    page.locator("#pictures .open").first.focus()
    page.keyboard.press("c")
    expect(page.locator("#left[src]")).to_be_visible()
    page.get_by_role("button", name="without merging").click()
    expect(page.locator("#psnr")).to_contain_text("dB", timeout=FINISHED)
    expect(page.locator("#speed-up")).to_contain_text("×")
    expect(page.locator("#differences")).to_contain_text("no merging")
    page.locator("#divider").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("getComputedStyle(document.querySelector('#stage')).getPropertyValue('--divider')") == "51%"
    visit.check()
    page.get_by_role("button", name="with ReToM").click()
    expect(page.locator("#psnr")).to_have_text("identical", timeout=FINISHED)


def cluster(visit):
    page = visit.page
    visit.open("/#/cluster")
    expect(page.locator("#workers")).to_contain_text("ready")
    expect(page.locator("#models")).to_contain_text("postcards")
    visit.check()


def looks_and_rest(visit):
    page = visit.page
    visit.open()
    page.locator("#theme").click()
    page.locator("#theme").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    visit.check()
    # A tab that is not seen holds no stream.
    page.evaluate("""Object.defineProperty(document, "hidden", { configurable: true, value: true });
        document.dispatchEvent(new Event("visibilitychange"))""")
    expect(page.locator("#connection")).to_have_text("paused")
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#connection")).to_have_text("live")


def wrong_key(visit):
    page = visit.page
    visit.expected = ["401"]
    page.goto(visit.service.url)
    expect(page.locator("#sign-in")).to_be_visible()
    visit.check()
    page.get_by_label("Key", exact=True).fill("rtm_no_such_key")
    page.keyboard.press("Enter")
    expect(page.locator("#key-problem")).to_contain_text("does not know")
    expect(page.get_by_label("Key", exact=True)).to_be_focused()
    visit.check()
    page.keyboard.type(visit.service.ann)
    page.keyboard.press("Enter")
    expect(page.locator("#connection")).to_have_text("live")
    card = visit.draw("a moon over the sea", steps=4)
    expect(card.locator("img[src*='/images/']")).to_be_visible(timeout=FINISHED)
    expect(card.locator("img[src]")).to_have_js_property("naturalWidth", 256)
    visit.check()
    # The session is a cookie: it outlives a reload, and no script has it or the key.
    [cookie] = visit.context.cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict", cookie
    kept = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert cookie["value"] not in kept and visit.service.ann not in kept, kept
    page.reload()
    expect(page.locator(".batch img[src*='/images/']").first).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#sign-in")).to_be_visible()
    expect(page.locator(".batch")).to_have_count(0)
    assert not visit.context.cookies()
    page.reload()
    expect(page.locator("#sign-in")).to_be_visible()


JOURNEYS = [first_picture_by_keyboard, problems_at_their_fields, cancel, preview, reload_in_mid_run, gallery, settings_back, compare,
            cluster, looks_and_rest, service_killed_and_back, wrong_key]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--bin", required=True)
    arguments.add_argument("--only", help="a journey's name")
    arguments.add_argument("--screenshots", help="a folder for what each journey ends with")
    options = arguments.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=["--no-sandbox"])
        open_service = Service(folder, options.bin)
        # With a public name every request needs a key.
        locked_service = Service(folder, options.bin, "--public-url", "{url}")
        locked_service.ann = locked_service.key("ann")
        try:
            for service in (open_service, locked_service):
                service.start()
            for size in SIZES:
                for scheme in ("light", "dark"):
                    for journey in JOURNEYS:
                        if options.only not in (None, journey.__name__):
                            continue
                        name = f"{journey.__name__}, {size}, {scheme}"
                        service = locked_service if journey is wrong_key else open_service
                        service.clear()
                        visit = Visit(browser, service, size, scheme)
                        begin = time.monotonic()
                        try:
                            journey(visit)
                            visit.check()
                            print(f"ok    {name}  {time.monotonic() - begin:.1f} s", flush=True)
                        except Exception as error:
                            failures += 1
                            print(f"FAIL  {name}: {str(error)[:900]}; console {visit.errors}", flush=True)
                        if options.screenshots:
                            os.makedirs(options.screenshots, exist_ok=True)
                            visit.page.screenshot(path=f"{options.screenshots}/{journey.__name__}-{size}-{scheme}.png")
                        visit.context.close()
        finally:
            for service in (open_service, locked_service):
                if service.process and service.process.poll() is None:
                    service.process.terminate()
                    service.process.wait()
            browser.close()
    sys.exit(1 if failures else 0)


main()
