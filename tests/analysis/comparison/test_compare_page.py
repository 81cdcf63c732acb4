"""The page of a comparison, in a real browser: no errors, plots drawn, tables sorted, nothing of a user's text run."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_runs import answers, write_run, write_sweep
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from sweepformer.commands.compare import main

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
EVIL = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    software = "--enable-unsafe-swiftshader"  # parallel coordinates are drawn by WebGL
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1000", software):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sweep with curves, a failed run, and HTML in every name that a user gives."""
    shares = [0.9, 0.8, 0.85, 0.6, 0.7, 0.88]
    runs = write_sweep(
        tmp_path / "s", shares, model__num_heads=[1, 2, 4] * 2, model__dropout=[0.1, 0.1, 0.1, EVIL, EVIL, 0.3]
    )
    for run, share in zip(runs, shares, strict=True):
        lines = [f"{step},{share * step / 30},{1 / (step + 1)}" for step in (10, 20, 30)]
        (run / "metrics.csv").write_text("\n".join(["step,val_acc,train_loss", *lines]) + "\n")
    columns = answers(0.8, classes=("blue", "green", EVIL))
    write_run(tmp_path / "s" / "6", {"seed": 6}, columns, metrics={"val_acc": 0.95})
    write_run(tmp_path / "s" / "7", {"seed": 7}, status="failed", error={"type": EVIL, "message": EVIL})
    monkeypatch.setattr(sys, "argv", ["src/compare.py", str(tmp_path / "s"), "--html", str(tmp_path / "page.html")])
    main()
    return tmp_path / "page.html"


def test_it_draws_sorts_and_runs_nothing_of_a_users_text(browser: webdriver.Chrome, page: Path) -> None:
    browser.get(page.as_uri())
    drawn = WebDriverWait(browser, 60).until(lambda driver: driver.find_elements(By.CSS_SELECTOR, ".plot .main-svg"))
    places = {one.get_attribute("id") for one in browser.find_elements(By.CSS_SELECTOR, ".plot")}
    assert places == {"parallel", "effects", "curves", "costs", "confusion"}
    assert drawn
    for place in places:
        assert browser.find_elements(By.CSS_SELECTOR, f"#{place} .main-svg"), place
    assert browser.title.startswith("Comparison of")
    assert not browser.find_elements(By.CSS_SELECTOR, "img, td script")
    assert EVIL in browser.find_element(By.TAG_NAME, "table").text

    table = browser.find_element(By.TAG_NAME, "table")
    headings = [one.text for one in table.find_elements(By.TAG_NAME, "th")]
    column = headings.index("val_acc")
    shown = []
    for _ in range(2):
        table.find_elements(By.CSS_SELECTOR, "th button")[column].click()
        rows = table.find_elements(By.CSS_SELECTOR, "tbody tr")
        shown.append([float(row.find_elements(By.TAG_NAME, "td")[column].text) for row in rows])
    assert shown[0] == sorted(shown[0])
    assert shown[1] == sorted(shown[0], reverse=True)

    choice = Select(browser.find_element(By.CSS_SELECTOR, "select[data-plot=curves]"))
    assert [one.text for one in choice.options] == ["val_acc", "train_loss"]
    choice.select_by_index(1)
    WebDriverWait(browser, 10).until(lambda driver: "train_loss" in driver.find_element(By.ID, "curves").text)
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []


def test_it_fits_a_phone(browser: webdriver.Chrome, page: Path) -> None:
    browser.set_window_size(400, 800)
    browser.get(page.as_uri())
    width, room = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width <= room  # what is wider scrolls by itself


def test_it_asks_nothing_of_the_network(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?(https?:|//)", text.split("<script>")[0])
    assert "default-src 'none'" in text
    assert "<script>document" not in text


def test_without_plotly_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sweep(tmp_path / "s", [0.9], seed=[0])
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setattr(sys, "argv", ["src/compare.py", str(tmp_path / "s"), "--html", str(tmp_path / "page.html")])
    with pytest.raises(SystemExit) as stop:
        main()
    assert "needs the extra [report]" in str(stop.value)
    assert capsys.readouterr().out == ""
