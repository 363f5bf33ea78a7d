"""The page of a report: every number of the dictionary is on it, nothing in it can do harm, and it loads nothing."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from functools import cache
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from chemotools.datasets import load_coffee

from spectral_core.report import render_html

COUNTRIES = ("Brasil", "Ethiopia", "Vietnam")
VARIANTS = (
    "raw", "snv", "msc", "area", "savgol(window=11, order=2, deriv=1)", "als(lam=1e5, p=0.01) | snv",
    "arpls(lam=1e5) | savgol(window=11, order=2, deriv=1)",
)  # fmt: skip


def probe(accuracy: float, low: float, high: float, p: float, n_channels: int) -> dict[str, Any]:
    recall = {label: round(accuracy - 0.01 * i, 3) for i, label in enumerate(COUNTRIES)}
    return {"balanced_accuracy": accuracy, "interval": [low, high], "p": p, "p_adjusted": min(1.0, 2 * p),
            "n_channels": n_channels, "recall": recall}  # fmt: skip


def variant(name: str, shift: float = 0.0) -> dict[str, Any]:
    return {
        "variant": name, "verdict": "artefact",
        "reasons": [{"code": "blank_sufficient", "message": BLANK_MESSAGE}],
        "caveats": [{"code": "off_band_signal", "message": "Off-band channels reach 0.98."}],
        "probes": {
            "full": probe(1.0, 0.951, 1.0, 0.0005, 1841), "bands": probe(0.983 - shift, 0.93 - shift, 1.0, 0.0005, 424),
            "off_band": probe(0.967 - shift, 0.9 - shift, 1.0, 0.0005, 1003),
            "blank": probe(0.9973 - shift, 0.94 - shift, 1.0, 0.0005, 174),
            "nuisance": probe(0.517 - shift, 0.39 - shift, 0.64 - shift, 0.0415 + shift, 7),
            "off_band_after": probe(0.976, 0.911, 1.0, 0.0005, 1003),
        },
        "random_folds": {"balanced_accuracy": 0.994, "interval": [0.962, 1.0]},
        "differences": {"full - off_band": {"estimate": 0.033, "interval": [-0.012, 0.078]},
                        "full - blank": {"estimate": 0.0, "interval": [-0.021, 0.025]},
                        "bands - off_band": {"estimate": 0.016, "interval": [-0.033, 0.067]}},
        "checks": [
            {"code": "association", "question": "Is the class associated with the spectra at all?", "asked": True,
             "finding": "Yes.", "statistic": "held-out margin", "value": 0.8123, "interval": [0.71, 0.88], "p": 0.0005,
             "p_adjusted": 0.001},
            {"code": "blank", "question": "Do the declared blanks tell the classes apart?", "asked": True,
             "finding": "Yes, as well as the full spectrum (2,450-2,600 cm-1 and 3,800-3,985 cm-1).",
             "statistic": "full − blank", "value": 0.0, "interval": [-0.021, 0.025], "p": 0.0005, "p_adjusted": 0.001,
             "margin": 0.05},
            {"code": "replicate_leakage", "question": "Do replicates leak between folds?", "asked": False,
             "finding": "Every unit has one spectrum.", "statistic": None, "value": None},
        ],
    }  # fmt: skip


BLANK_MESSAGE = (
    "2,450–2,600 cm⁻¹ and 3,800–3,985 cm⁻¹, declared blank, reach 1.00; the full spectrum 1.00. "
    "Look for what differed between the measuring sessions."
)


@cache
def coffee_spectra() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    X, y = load_coffee()
    return np.asarray(X), np.asarray(y["labels"])


def coffee_report(n_variants: int = 1) -> dict[str, Any]:
    """A report on the brewed coffees; spectra are real, accuracies are merely input."""
    spectra, labels = coffee_spectra()
    axis = 450 + 1.928 * np.arange(spectra.shape[1])
    names = VARIANTS[:n_variants]
    return {
        "schema_version": 1, "offband_version": "0.1.0", "created_at": "2026-11-22T14:30:00+00:00",
        "verdict": "artefact",
        "summary": "Regions declared to hold no chemistry tell the three countries apart as well as the whole "
                   "spectrum does (1.00 against 1.00).",
        "reasons": [{"code": "blank_sufficient", "message": BLANK_MESSAGE, "variants": list(names)}],
        "caveats": [
            {"code": "off_band_signal", "message": "Off-band reaches 0.97 (chance 0.33).", "variants": list(names)},
            {"code": "preprocessing_carried", "message": "Preprocessing before cropping raises off-band from 0.967 to "
             "0.976.", "variants": list(names[-1:])},
        ],
        "settings": {"delta": 0.05, "alpha": 0.05, "n_permutations": 1999, "n_folds": 5, "seed": 20261122},
        "design": {"n_spectra": 60, "n_channels": 1841, "n_units": 60, "unit_declared": False,
                   "classes": {c: {"spectra": 20, "units": 20} for c in COUNTRIES}, "batches": {}, "chance": 1 / 3},
        "regions": {
            "axis_unit": "cm-1",
            "bands": {"CH₂ stretch": {"interval": [2830, 2980], "assignment": "lipids, symmetric and antisymmetric"},
                      "ester C=O": {"interval": [1700, 1780], "assignment": "triglycerides, fatty acids"},
                      "fingerprint": {"interval": [900, 1500], "assignment": "carbohydrates, chlorogenic acids"}},
            "blanks": {"silent region": {"interval": [2450, 2600], "reason": "neither coffee nor water absorbs"},
                       "upper edge": {"interval": [3800, 3985], "reason": "beyond the OH stretch"}},
            "off_band": [[450, 600], [1820, 2755], [3055, 3997.5]],
        },
        "spectra": {"axis": axis.tolist(), "axis_unit": "cm-1", "intensity_unit": "absorbance",
                    "mean": {c: spectra[labels == c].mean(axis=0).tolist() for c in COUNTRIES},
                    "sd": {c: spectra[labels == c].std(axis=0, ddof=1).tolist() for c in COUNTRIES}},
        "variants": [variant(name, 0.03 * i) for i, name in enumerate(names)],
        "models": [{"variant": "raw", "model": "pls-da(components=10)", "judged_by": "refits", "run_id": "8f2c41aa",
                    "metrics": {"balanced_accuracy_unit_folds": 0.9833, "balanced_accuracy_random_folds": 0.9912,
                                "p_association": 0.0005}},
                   {"variant": "raw", "model": "ridge", "judged_by": "probe",
                    "metrics": {"balanced_accuracy_unit_folds": 0.9987, "p_association": 0.0005}}],
        "not_asked": [{"check": "batch", "why": "no batch was declared"},
                      {"check": "replicate_leakage", "why": "every unit has one spectrum"}],
        "provenance": {"study": "brewed coffee", "study_digest": "0f3a9be2c1d45e77", "archive_snapshot": "9XK2Q7",
                       "versions": {"numpy": "2.3.5", "scikit-learn": "1.8.0"}, "command": "offband run study.toml",
                       "prefect_flow_run_id": None, "mlflow_run_id": "c0ffee11"},
    }  # fmt: skip


VOID = {"br", "col", "hr", "input", "link", "meta", "wbr"}


class Page(HTMLParser):
    """Parse strictly: every element is closed by its own end tag, in order; collect text, tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> repeats an attribute"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += f"{data} "

    @property
    def words(self) -> str:
        return " ".join(self.text.split())

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


@pytest.fixture(scope="module")
def coffee() -> dict[str, Any]:
    return coffee_report(2)


@pytest.mark.parametrize("n_variants", [0, 1, 3])
def test_the_page_is_well_formed(n_variants: int) -> None:
    page = Page(render_html(coffee_report(n_variants)))
    assert page.open == []
    identities = page.values("id")
    assert len(set(identities)) == len(identities)
    assert {link[1:] for link in page.values("href") if link.startswith("#")} <= set(identities)
    assert page.tags.count("h1") == 1


@pytest.mark.parametrize("missing", sorted(coffee_report(1)))
def test_a_missing_key_leaves_a_page(missing: str) -> None:
    report = coffee_report(1)
    del report[missing]
    assert Page(render_html(report)).open == []


@pytest.mark.parametrize("part", ["design", "regions", "spectra", "settings", "provenance"])
def test_an_emptied_part_leaves_a_page(part: str) -> None:
    nothings: list[Any] = [{}, None]
    for nothing in nothings:
        assert Page(render_html(coffee_report(1) | {part: nothing})).open == []
    report = coffee_report(1)
    for key in report[part]:
        thinner = copy.deepcopy(report)
        del thinner[part][key]
        assert Page(render_html(thinner)).open == [], f"{part} without {key}"
        thinner[part][key] = None
        assert Page(render_html(thinner)).open == [], f"{part} with {key} null"


def test_an_empty_report_says_that_nothing_was_audited() -> None:
    assert "No variant was audited" in Page(render_html({})).words


@pytest.mark.parametrize("verdict", ["artefact", "no_signal", "unexplained", "supported", "inconclusive"])
def test_each_verdict_heads_its_page_and_is_never_called_passed(verdict: str) -> None:
    page = Page(render_html(coffee_report(1) | {"verdict": verdict}))
    assert f"{verdict.replace('_', ' ').capitalize()}" in page.words.partition("Next:")[0]
    assert verdict in page.values("data-verdict")
    assert "passed" not in page.words.lower()


def test_the_first_section_says_verdict_reason_and_next_step(coffee: dict[str, Any]) -> None:
    first = Page(render_html(coffee)).words.partition("Figure 1.")[0]
    for said in (
        "Artefact",
        coffee["summary"],
        BLANK_MESSAGE,
        "blank_sufficient",
        "in all 2 variants",
        "Next:",
    ):
        assert said in first
    assert "60 spectra · 60 independent units · 3 classes · 1,841 channels · 2 preprocessing variants · 1,999" in first


def test_every_number_of_a_variant_is_on_the_page(coffee: dict[str, Any]) -> None:
    words = Page(render_html(coffee)).words
    written = words.replace("−", "-").replace(",", "")
    for found in coffee["variants"]:
        for probe_ in [*found["probes"].values(), found["random_folds"]]:
            assert f"{probe_['balanced_accuracy']:.3f}" in written
            low, high = probe_["interval"]
            assert f"[{low:.3f} {high:.3f}]" in written
        for difference in found["differences"].values():
            assert f"{difference['estimate']:.3f}".lstrip("-") in written
            assert "[{:+.3f} {:+.3f}]".format(*difference["interval"]) in written
        for check in found["checks"]:
            assert check["question"] in words and check["code"] in words
    for shown in ("0.812", "[0.710 0.880]", "0.0005", "0.042", "0.083"):  # values and p-values of the sample
        assert shown in written


def test_design_settings_models_and_provenance_are_on_the_page(coffee: dict[str, Any]) -> None:
    words = Page(render_html(coffee)).words
    for shown in (
        "20261122", "δ, smallest gain worth having 0.05", "Chance 0.333", "Brasil 20 20",
        "pls-da(components=10)", "0.983", "0.991", "refitting the model itself", "the probe (closed form)",
        "brewed coffee", "0f3a9be2c1d45e77", "9XK2Q7", "c0ffee11", "scikit-learn 1.8.0", "offband run study.toml",
        "2,830–2,980 cm⁻¹", "lipids, symmetric and antisymmetric", "2,450–2,600 cm⁻¹",
        "neither coffee nor water absorbs",
        "No batch was declared", "batch : no batch was declared",
    ):  # fmt: skip
        assert shown in words, shown


def test_batches_are_shown_with_their_empty_cells() -> None:
    report = coffee_report(1)
    report["design"]["batches"] = {
        "Monday": {"Brasil": 13, "Ethiopia": 0, "Vietnam": 7},
        "Tuesday": {"Vietnam": 11},
    }
    words = Page(render_html(report)).words
    assert "Monday 13 none 7" in words and "Tuesday none none 11" in words
    assert "1 of 2 batches hold a single class" in words


def test_what_was_not_asked_for_the_same_reason_is_told_once() -> None:
    names = ["raw", "savgol(window=11, order=2)"]
    report = coffee_report(1) | {"variants": [variant(name) for name in names]}
    report["not_asked"] = [{"check": f"replicate_leakage ({name})", "why": "no unit has replicates"} for name in names]
    report["not_asked"].append({"check": "blank (savgol(window=11, order=2))", "why": "cropped away"})
    words = Page(render_html(report)).words
    assert words.count("no unit has replicates") == 1
    assert "blank (savgol(window=11, order=2)) : cropped away" in words


def test_the_four_cautions_and_the_limits_are_printed(coffee: dict[str, Any]) -> None:
    words = Page(render_html(coffee)).words
    assert "A permutation test is significant for an artefact too." in words
    assert "never that it is perfect" in words
    assert "Finer sampling is not more information." in words
    assert "Training accuracy shows only the last." in words
    assert "What this report does not know" in words


HOSTILE = "</script><script>alert(1)</script>\"'&<b onload=x>${{7*7}}\x00\x1b\u202e\ud800$\\alpha$"


NAMED_BY_USERS = {"classes", "batches", "bands", "blanks", "mean", "sd", "recall", "versions", "metrics", "differences"}


def poison(node: Any, *, named: bool = False) -> Any:
    """Put the hostile text behind every text and behind every key that comes from outside."""
    if isinstance(node, dict):
        return {f"{k}{HOSTILE}" if named else k: poison(v, named=k in NAMED_BY_USERS) for k, v in node.items()}
    if isinstance(node, list):
        return [poison(item) for item in node]
    return f"{node}{HOSTILE}" if isinstance(node, str) else node


def test_hostile_texts_stay_texts() -> None:
    clean, page = Page(render_html(coffee_report(2))), Page(render_html(poison(coffee_report(2))))
    assert page.open == []
    assert page.tags.count("script") == clean.tags.count("script") == 2
    assert page.tags.count("b") <= clean.tags.count("b")
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert HOSTILE[:38] in page.text  # it is shown, not dropped
    assert not {"\x00", "\x1b", "\u202e", "\ud800"} & set(page.text)


def test_the_page_loads_nothing(coffee: dict[str, Any]) -> None:
    """Self-contained, no network."""
    html = render_html(coffee)
    page = Page(html)
    assert "http://" not in html and "https://" not in html and "@import" not in html and "url(//" not in html
    assert not {"img", "iframe", "object", "embed", "base"} & set(page.tags)
    assert page.values("src") == []
    assert all(link == "data:," or link.startswith("#") for link in page.values("href"))
    assert set(re.findall(r"url\((.*?)\)", html)) == {"#hatch"}


def test_the_policy_allows_the_pages_own_script_and_style_and_nothing_else(coffee: dict[str, Any]) -> None:
    html = render_html(coffee)
    policy = next(value for tag, name, value in Page(html).attributes if name == "content" and "default-src" in value)
    script = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    style = re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL)
    for kind, (text,) in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert Page(html).values("style") == []  # the policy would ignore it


def test_rendering_is_a_pure_function_of_what_json_keeps(coffee: dict[str, Any]) -> None:
    """report.html can always be made again from report.json."""
    before = copy.deepcopy(coffee)
    first = render_html(coffee)
    assert render_html(json.loads(json.dumps(coffee))) == first
    assert coffee == before


def test_a_large_report_stays_small_and_is_made_quickly() -> None:
    """Under 5 MB for 1,000×2,048 with seven variants."""
    rng = np.random.default_rng(7)
    labels = [f"class {i}" for i in range(20)]
    report = coffee_report(7)
    report["spectra"] = {
        "axis": np.linspace(400, 4000, 2048).tolist(), "axis_unit": "cm-1", "intensity_unit": "absorbance",
        "mean": {c: rng.normal(size=2048).tolist() for c in labels},
        "sd": {c: rng.random(2048).tolist() for c in labels},
    }  # fmt: skip
    report["design"]["batches"] = {f"day {i}": dict.fromkeys(labels, 3) for i in range(60)}
    assert len(render_html(report).encode()) < 2_500_000


def test_an_infrared_axis_runs_from_high_to_low_and_a_raman_axis_from_low_to_high() -> None:
    def ends(**spectra: Any) -> tuple[float, float]:
        report = coffee_report(1)
        report["spectra"] |= spectra
        page = Page(render_html(report))
        return float(page.values("data-left")[0]), float(page.values("data-right")[0])

    high_to_low = (450 + 1.928 * 1840, 450.0)
    assert ends(intensity_unit="absorbance") == pytest.approx(high_to_low)
    assert ends(intensity_unit="counts") == pytest.approx(high_to_low[::-1])
    assert ends(intensity_unit="absorbance", axis_unit="nm") == pytest.approx(high_to_low[::-1])
    assert ends(intensity_unit="counts", axis_reversed=True) == pytest.approx(high_to_low)


def test_a_point_lies_where_its_accuracy_is() -> None:
    report = coffee_report(1)
    report["variants"][0]["probes"]["full"].update(balanced_accuracy=0.75, interval=[0.7, 0.8])
    page = Page(render_html(report))
    circles = [value for tag, name, value in page.attributes if tag == "circle" and name == "cx"]
    # the lowest number shown is chance, 1/3: the scale runs from 0.2, at least half a tenth below it, to 1
    assert circles[0] == f"{100 * (0.75 - 0.2) / 0.8:.2f}%"


def test_an_open_point_is_one_that_shuffled_labels_reach_too() -> None:
    report = coffee_report(1)
    points = [v for tag, name, v in Page(render_html(report)).attributes if tag == "circle" and name == "class"]
    assert points == ["point full", "point bands", "point off-band", "point blank", "point nuisance open"]


def test_random_folds_are_drawn_only_where_units_have_replicates() -> None:
    report = coffee_report(1)
    figure = Page(render_html(report)).words.partition("Figure 1.")[0]
    assert "random folds" not in figure
    report["design"]["n_units"] = 30
    assert "Full, random folds" in Page(render_html(report)).words.partition("Figure 1.")[0]


def test_a_control_that_was_not_run_is_said_so_in_the_figure() -> None:
    report = coffee_report(1)
    del report["variants"][0]["probes"]["blank"]
    assert "Blanks only ◂ decides not asked" in Page(render_html(report)).words


def test_missing_intensities_leave_a_gap_and_no_nan() -> None:
    report = coffee_report(1)
    report["spectra"]["mean"]["Brasil"][100:110] = [None] * 10
    paths = [v for tag, name, v in Page(render_html(report)).attributes if tag == "path" and name == "d"]
    whole = [v for tag, name, v in Page(render_html(coffee_report(1))).attributes if tag == "path" and name == "d"]
    assert len(paths) == len(whole) + 2  # one line and one area more, in two pieces each
    assert not [d for d in paths if "nan" in d.lower()]


def test_the_drawn_curve_keeps_the_highest_peak() -> None:
    report = coffee_report(1)
    spike = [0.0] * 20_001
    spike[12_345] = 1.0  # a single channel
    report["spectra"] = {"axis": list(range(20_001)), "axis_unit": "channel", "mean": {"a": spike}, "sd": {}}
    report["regions"] = {}
    line = next(v for tag, name, v in Page(render_html(report)).attributes if tag == "path" and name == "d")
    points = [tuple(map(int, pair.split())) for pair in line[1:].split("L")]
    assert len(points) <= 1200
    assert min(points, key=lambda point: point[1])[0] == round(12_345 / 20_000 * 10_000)
