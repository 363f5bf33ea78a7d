from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from spectral_core.demo import example_study, write_demo
from spectral_core.errors import StudyError
from spectral_core.study import Study, load_study


def _content(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def test_files_give_back_every_intensity_exactly_and_the_recovered_axis(tmp_path: Path) -> None:
    from chemotools.datasets import load_coffee

    expected = np.asarray(load_coffee()[0], dtype=np.float32)
    write_demo(tmp_path)
    files = sorted((tmp_path / "inbox").glob("coffee_*.txt"))
    assert len(files) == 60
    for row, file in zip(expected, files, strict=True):
        axis, intensity = np.loadtxt(file, delimiter=";", skiprows=5, unpack=True)
        assert (intensity.astype(np.float32) == row).all()
        assert (axis == np.round(450 + 1.928 * np.arange(1841), 3)).all()


def test_the_sheet_names_each_file_once_with_its_country_and_an_assumed_specimen(tmp_path: Path) -> None:
    from chemotools.datasets import load_coffee

    write_demo(tmp_path)
    with (tmp_path / "inbox" / "samples.csv").open(newline="") as sheet:
        rows = list(csv.DictReader(sheet))
    assert [row["country"] for row in rows] == list(load_coffee()[1]["labels"])
    assert {row["file"] for row in rows} == {p.name for p in (tmp_path / "inbox").glob("*.txt")}
    assert len({row["specimen"] for row in rows}) == 60
    assert all("assumed" in row["specimen"] for row in rows)


def test_a_second_demo_leaves_everything_alone_and_keeps_an_edited_study(tmp_path: Path) -> None:
    assert write_demo(tmp_path).written == 61
    before = _content(tmp_path)
    assert (write_demo(tmp_path).written, write_demo(tmp_path).kept) == (0, 61)
    assert _content(tmp_path) == before
    study = tmp_path / "study.toml"
    study.write_text(study.read_text(encoding="utf-8").replace("alpha = 0.05", "alpha = 0.01"), encoding="utf-8")
    assert load_study(write_demo(tmp_path).study_file).audit.alpha == 0.01


def test_a_damaged_spectrum_is_repaired(tmp_path: Path) -> None:
    write_demo(tmp_path)
    file = tmp_path / "inbox" / "coffee_07.txt"
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    assert write_demo(tmp_path).written == 1
    assert file.read_bytes() == whole


@pytest.mark.parametrize("foreign", ["inbox/my_sample.spc", "study.toml"])
def test_a_folder_of_somebody_else_is_refused_untouched(tmp_path: Path, foreign: str) -> None:
    (tmp_path / foreign).parent.mkdir(exist_ok=True)
    (tmp_path / foreign).write_text("mine")
    before = _content(tmp_path)
    with pytest.raises(StudyError, match=r"an empty folder or an earlier demo"):
        write_demo(tmp_path)
    assert _content(tmp_path) == before


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    with pytest.raises(StudyError, match="found a file"):
        write_demo(tmp_path / "demo")


def test_the_example_study_is_valid_and_declares_what_the_issue_asks(tmp_path: Path) -> None:
    study = load_study(write_demo(tmp_path).study_file)
    assert set(study.band_intervals().values()) == {(2830, 2980), (1700, 1780), (900, 1500)}
    assert set(study.blank_intervals().values()) == {(2450, 2600), (3800, 3985)}
    assert len(study.models) == 6


def test_the_example_study_explains_every_key(tmp_path: Path) -> None:
    """Every key of the Study stands in the example, used or commented out, with a word about it beside it."""
    text = example_study()
    parts = [
        Study,
        *(f.annotation for f in Study.model_fields.values() if hasattr(f.annotation, "model_fields")),
    ]
    keys = {key for part in parts for key, field in part.model_fields.items()}  # type: ignore[union-attr]
    nested = {"samples", "reading", "quality", "audit", "tracking", "compute", "bands", "blanks"}
    tables = {key for key in nested if f"\n[{key}" in text}
    written = {line.strip("# ").split("=")[0].strip() for line in text.splitlines() if "=" in line}
    assert tables == nested
    assert keys - nested - written == {"pattern"} & (keys - written)
    assert "named groups" in text
