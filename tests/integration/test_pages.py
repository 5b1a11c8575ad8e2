"""The documentation's pages work in a real browser, under the policy that is in force."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright (pip install)")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("needs a browser (apt-get install chromium)", allow_module_level=True)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Where a service runs."""
    database = tmp_path_factory.mktemp("pages") / "scans.sqlite"
    environ = os.environ | {"SCANTRAIL_DATABASE_URL": f"sqlite:///{database}"}
    with subprocess.Popen(
        [Path(sys.executable).with_name("scantrail"), "serve", "--port", "0", "--insecure-local"],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            yield re.search(r"http://\S+", process.stdout.readline())[0]
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser):
    """A page that remembers what the browser complains of, and what it asks others for."""
    opened = browser.new_page()
    opened.complaints = []
    opened.on("console", lambda said: said.type == "error" and opened.complaints.append(said.text))
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.asked = []
    opened.on("request", lambda request: opened.asked.append(request.url))
    yield opened
    opened.close()


def calm(page, url):
    """Nothing is refused, nothing breaks, and nothing is asked for elsewhere."""
    assert page.complaints == []
    assert [each for each in page.asked if not each.startswith((url, "data:", "blob:"))] == []


@pytest.mark.slow
def test_endpoints_can_be_read_and_tried(page, url):
    page.goto(f"{url}/docs")
    page.get_by_text("Is it up?").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    page.locator(".responses-inner .microlight", has_text="healthy").first.wait_for()
    calm(page, url)


@pytest.mark.slow
def test_the_reference_can_be_read(page, url):
    page.goto(f"{url}/redoc")
    page.get_by_role("heading").filter(has_text="Judge scans").first.wait_for()
    logo = [text for text in page.complaints if "https://cdn.redoc.ly/" in text]
    page.complaints = [text for text in page.complaints if text not in logo]
    page.asked = [each for each in page.asked if not each.startswith("https://cdn.redoc.ly/")]
    assert all("violates the following Content Security Policy" in text for text in logo)
    calm(page, url)  # the maker's logo apart, which the policy keeps from being fetched
