"""The report as a reader has it: opened from disk on any screen, printed, by keyboard and with a screen reader."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectral_core import audit_classifier, audit_features, diagnose
from spectral_core.report import render_html
from spectral_core.simulate import BAND, Recipe, simulate
from tests.core.test_report_page import coffee_report

pytestmark = pytest.mark.ui
WIDTHS = (390, 1280, 1920)


@cache
def proposed() -> str:
    """A report without a declared blank: candidates are tabulated and dashed in figure 2."""
    data = simulate(Recipe(units=(15, 15), band_effect=0.4), seed=1)
    report = audit_classifier(data.x, data.label, axis=data.axis, axis_unit="cm-1", bands={"C–H": BAND},
                              unit=data.unit, n_permutations=99, seed=1)  # fmt: skip
    assert report.to_dict()["regions"]["proposed_blanks"]
    return render_html(report.to_dict())


@cache
def without_axis() -> str:
    rng = np.random.default_rng(0)
    names = [f"pixel {i}" for i in range(30)]
    report = audit_features(rng.normal(size=(40, 30)), ["a", "b"] * 20, features=names, bands={"centre": names[:9]},
                            blank={"edge": names[20:]}, n_permutations=99, seed=0)  # fmt: skip
    return render_html(report.to_dict())


@cache
def explained() -> str:
    data = simulate(Recipe(units=(20, 20), channels=80, band_effect=0.4), seed=1)
    report = coffee_report(2)
    found = diagnose(data.x, data.label, axis=data.axis, bands={"C–H": BAND}, unit=data.unit, seed=1)
    for variant in report["variants"]:
        variant["diagnostics"] = found.to_dict()
    return render_html(report)


PAGES = {
    "concentration and growth": explained,
    "artefact, two variants": lambda: render_html(coffee_report(2)),
    "proposed blanks": proposed,
    "features": without_axis,
    "hardly anything": lambda: render_html({"verdict": "inconclusive"}),
}


@pytest.fixture(params=PAGES, ids=str)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(PAGES[request.param](), encoding="utf-8")
    return path


class Opened:
    """A page with everything it said on the console and everything it asked of the network."""

    def __init__(self, browser: Any, file: Path, width: int, **context: Any) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 900}, **context)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())


@pytest.mark.parametrize("width", WIDTHS)
def test_it_opens_from_disk_silently_asks_for_nothing_and_fits_the_screen(browser, file, width):
    opened = Opened(browser, file, width)
    assert opened.said == []
    assert [url for url in opened.asked if url not in (file.as_uri(), "data:,")] == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    small = opened.page.evaluate(
        "[...document.querySelectorAll('main p, main li, main td, main th, main text')]"
        ".filter(e => e.textContent.trim() && e.getClientRects().length)"
        ".filter(e => parseFloat(getComputedStyle(e).fontSize) < 11).map(e => e.textContent)"
    )
    assert small == []
    opened.page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, file, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    # the page's own policy forbids every script but its own: axe is let in past it
    opened = Opened(browser, file, 1280, color_scheme=scheme, bypass_csp=True)
    found = axe.Axe().run(opened.page).response
    grave = [v["nodes"][0]["html"] for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert grave == [] and len(found["passes"]) > 10
    opened.page.close()


def test_it_prints_with_every_variant_unfolded_and_no_control_for_a_pointer(browser, file, tmp_path):
    opened = Opened(browser, file, 1280)
    pdf = opened.page.pdf(path=str(tmp_path / "report.pdf"), format="A4")
    assert pdf.startswith(b"%PDF") and pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") >= 1
    opened.page.emulate_media(media="print")
    assert not any(reader.is_visible() for reader in opened.page.locator(".reader").all())
    assert all(found.is_visible() for found in opened.page.locator("details.variant table").all())
    assert opened.said == []
    opened.page.close()


def test_values_are_read_off_with_the_keyboard(browser, tmp_path):
    path = tmp_path / "report.html"
    for text, said in ((proposed(), "cm⁻¹: class 1"), (without_axis(), "pixel 1 (")):
        path.write_text(text, encoding="utf-8")
        opened = Opened(browser, path, 1280)
        slider = opened.page.locator(".reader input")
        slider.focus()
        slider.press("ArrowRight")
        told = opened.page.locator(".reader output").inner_text()
        assert said.rstrip(" (") in told, told
        assert opened.said == []
        opened.page.close()


def test_without_a_script_everything_but_reading_off_is_there(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(render_html(coffee_report(2)), encoding="utf-8")
    page = browser.new_page(java_script_enabled=False)
    page.goto(path.as_uri())
    assert page.locator("h1").inner_text().endswith("Artefact")
    assert page.locator(".reader").is_hidden()
    page.close()
