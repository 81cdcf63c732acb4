"""TensorBoard's HPARAMS page in a real browser: its table says what the summaries say."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Cli
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
# Its table is drawn inside of shadow roots, where a selector doesn't reach.
CELLS = """
function cells(root, found) {
  for (const element of root.querySelectorAll('*')) {
    if (element.shadowRoot) cells(element.shadowRoot, found);
    const place = element.getBoundingClientRect();
    if (element.tagName === 'VAADIN-GRID-CELL-CONTENT' && place.width > 0)
      found.push([Math.round(place.left), Math.round(place.top), (element.innerText || '').trim()]);
  }
  return found;
}
return cells(document, []);
"""


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=2400,900"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def sweep(cli: Cli, tiny: tuple[str, ...], tmp_path: Path) -> Path:
    failing = ("allowed_packages=[misbehaving]", "+callbacks.bad._target_=misbehaving.Misbehave")
    swept = ("model.num_heads=1,2,4", "+callbacks.bad.kind=none,error")
    result = cli("-m", *tiny, *failing, "logger=tensorboard", "name=s", *swept, "trainer.max_epochs=2")
    assert result.code == 1, result.screen
    return tmp_path / "multirun" / "s"


@pytest.fixture
def page(sweep: Path) -> Iterator[str]:
    """The address of TensorBoard over the sweep."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(sweep), "--port", str(port)]
    server = subprocess.Popen([*command, "--load_fast=false"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{address}/data/runs") as answer:
                if len(json.load(answer)) == 6:
                    break
        except OSError:
            pass
        time.sleep(0.3)
    yield f"{address}/#hparams"
    server.terminate()
    server.wait()


def test_the_table_says_what_the_summaries_say(browser: webdriver.Chrome, page: str, sweep: Path) -> None:
    browser.get(page)
    rows: list[dict[str, str]] = []
    end = time.monotonic() + 60
    while len(rows) < 6 and time.monotonic() < end:
        time.sleep(0.5)
        rows = table(browser.execute_script(CELLS))
    assert len(rows) == 6
    for row in rows:
        run = sweep / row["Trial ID"].removesuffix("/tensorboard")
        summary = json.loads((run / "summary.json").read_text())
        assert float(row["model.num_heads"]) == float(run.name.split("num_heads=")[1][0])
        assert run.name.endswith(f"callbacks.bad.kind={row['callbacks.bad.kind']}")
        assert (row["callbacks.bad.kind"] == "error") == (summary["status"] != "completed")
        if summary["status"] == "completed":
            for name in ("val_acc", "test_acc"):
                assert float(row[f"final/{name}"]) == pytest.approx(summary["metrics"][name], abs=1e-4)
        assert float(row["final/failed"]) == (summary["status"] != "completed")


def table(cells: list[tuple[int, int, str]]) -> list[dict[str, str]]:
    """The rows of the grid, from where each cell stands on the page."""
    lines: dict[int, dict[int, str]] = {}
    for left, top, text in cells:
        if text:
            lines.setdefault(top, {})[left] = text
    header = next((line for line in lines.values() if "Trial ID" in line.values()), {})
    rows = [{header[left]: text for left, text in line.items() if left in header} for line in lines.values()]
    return [row for row in rows if row.get("Trial ID", "").endswith("/tensorboard")]
