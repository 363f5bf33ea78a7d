"""report.json and report.html on disk, and the image for a run tracker."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectral_core.errors import AuditError
from spectral_core.report import json_text, render_html, save_html, save_json
from spectral_core.report.markup import data_island, escape, tag
from spectral_core.report.scale import Frame, thin, tick_labels, ticks
from spectral_core.report.typography import p_value, share

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_json_gives_back_what_went_in(report: dict[str, Any]) -> None:
    assert json.loads(json_text(report)) == report


def test_json_writes_a_list_of_numbers_on_one_line(tmp_path: Path) -> None:
    report = {"axis": [1.5, -2e-7, None, 3], "text": "[\n 1,\n 2\n]", "variants": [{"interval": [0.9, 1.0]}]}
    text = save_json(report, tmp_path / "report.json").read_text(encoding="utf-8")
    assert '"axis": [1.5, -2e-07, null, 3],' in text and '"interval": [0.9, 1.0]' in text
    assert json.loads(text) == report


@pytest.mark.parametrize(
    ("report", "key", "found"),
    [
        ({"a": {"b": [1.0, math.nan]}}, "report.a.b[1]", "nan"),
        ({"a": [math.inf]}, "report.a[0]", "inf"),
        ({"a": np.arange(3)}, "report.a", "ndarray"),
        ({"a": np.float32(1)}, "report.a", "float32"),
        ({"a": {1: 2}}, "report.a.1", "the key 1"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_its_key(
    tmp_path: Path, report: dict[str, Any], key: str, found: str
) -> None:
    with pytest.raises(AuditError) as caught:
        save_json(report, tmp_path / "report.json")
    assert key in str(caught.value) and found in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_files_replace_the_old_ones_and_leave_nothing_beside_them(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "run"
    report = {"verdict": "supported"}
    for _ in range(2):
        save_html(report, folder / "report.html")
        save_json(report, str(folder / "report.json"))
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]
    assert (folder / "report.html").read_text(encoding="utf-8") == render_html(report)


def test_whoever_reads_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    """Written aside and renamed into place."""
    path = save_json({"verdict": "supported"}, tmp_path / "report.json")
    with path.open(encoding="utf-8") as held:
        save_json({"verdict": "artefact"}, path)
        assert json.load(held) == {"verdict": "supported"}
    assert json.loads(path.read_text(encoding="utf-8")) == {"verdict": "artefact"}


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_json({"verdict": "supported"}, tmp_path / "report.json")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_json({"verdict": "artefact"}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"verdict": "supported"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_the_report_imports_without_matplotlib() -> None:
    code = "import sys, spectral_core.report; sys.exit('matplotlib' in sys.modules or 'plotly' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_image_shows_each_accuracy_with_its_interval() -> None:
    from spectral_core.report.image import accuracy_figure

    probes = {"full": {"balanced_accuracy": 0.91, "interval": [0.85, 0.96], "p_adjusted": 0.001},
              "blank": {"balanced_accuracy": 0.55, "interval": [0.42, 0.68], "p_adjusted": 0.4}}  # fmt: skip
    variants = [{"variant": f"${n}$ a_b", "verdict": "unexplained", "probes": probes} for n in range(3)]
    report = {"settings": {"alpha": 0.05, "delta": 0.05}, "design": {"chance": 0.5}, "variants": variants}
    figure = accuracy_figure(report)
    figure.canvas.draw()
    panel = figure.axes[0]
    drawn = [(tuple(np.asarray(line.get_xdata()).tolist()), line) for line in panel.lines]
    points = {(x[0], line.get_markerfacecolor()) for x, line in drawn if line.get_marker() == "o"}
    assert points == {(0.91, "#1b1f24"), (0.55, "white")}
    assert {x for x, _ in drawn} >= {(0.85, 0.96), (0.42, 0.68)}
    assert [text.get_text() for text in panel.texts].count("not asked") == 3
    assert len(figure.axes) == 4 and figure.axes[2].get_title(loc="left") == "$2$ a_b – Unexplained"


def test_an_image_of_nothing_says_so() -> None:
    from spectral_core.report.image import accuracy_figure

    assert accuracy_figure({}).axes[0].texts[0].get_text() == "no variant was audited"


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_are_round_inside_and_few(low: float, width: float, most: int) -> None:
    high = low + width
    found = ticks(low, high, most=most)
    assert 1 <= len(found) <= most
    slack = 1e-6 * width
    assert all(low - slack <= t <= high + slack for t in found) or len(found) == 1
    assert len(set(tick_labels(found)[0])) == len(found)


@given(st.lists(st.floats(-1e3, 1e3), min_size=5, max_size=400), st.integers(4, 60))
def test_thinning_keeps_the_order_the_ends_of_the_range_and_the_limit(values: list[float], most: int) -> None:
    y = np.array(values)
    kept = thin(y, most=most)
    assert kept.size <= max(most, min(y.size, most))
    assert (np.diff(kept) > 0).all()
    assert y[kept].min() == y.min() and y[kept].max() == y.max()


def test_a_reversed_frame_mirrors_the_axis() -> None:
    forward, backward = Frame(400, 4000, 0, 1), Frame(4000, 400, 0, 1)
    for x in (400.0, 1234.5, 4000.0):
        assert backward.across(x) == pytest.approx(100 - forward.across(x))
    assert backward.span(900, 1500) == pytest.approx((100 * 2500 / 3600, 100 * 600 / 3600))
    assert forward.span(0, 760) == pytest.approx((0, 10))  # cut at the frame


@given(st.floats(0, 1))
def test_an_accuracy_is_never_rounded_up_to_certainty_nor_p_down_to_zero(value: float) -> None:
    assert (share(value) == "1.00") == (value == 1)
    assert float(p_value(max(value, 1e-12)).lstrip("<")) > 0


@given(st.text())
def test_escaped_text_holds_no_markup(text: str) -> None:
    written = tag("p", text, title=text)
    assert written.count("<") == 2 and written.count(">") == 2
    assert "<" not in escape(text) and '"' not in escape(text)


@given(JSON)
def test_a_data_island_cannot_be_closed_from_inside(content: Any) -> None:
    inside = data_island("x", content).removeprefix('<script type="application/json" id="x">').removesuffix("</script>")
    assert "<" not in inside and json.loads(inside) == content
