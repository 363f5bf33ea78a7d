"""Quality at the door: numbers by law and by hand, columns beside spectra, refusals only where the study asks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_core.archive import Ledger, open_archive
from spectral_core.errors import StudyError
from spectral_core.ingest import ingest_inbox
from spectral_core.ingest_report import IngestReport
from spectral_core.quality import COLUMNS, measure_quality
from spectral_core.readers.columns import column_name
from spectral_core.study import Study, study_from

AXIS = np.arange(400.0, 500.0, 0.5)


def f32(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_white_noise_on_a_level_has_the_ratio_of_level_and_deviation() -> None:
    x = 5 + np.random.default_rng(0).normal(0, 0.05, (50, 4000))
    found = measure_quality(x.astype(np.float32)).signal_to_noise
    assert abs(found.mean() / 100 - 1) < 0.02 and found.std() / found.mean() < 0.03


def test_a_slope_is_no_noise_and_a_factor_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.01, (8, 500))
    level, sloped = 1 + noise, 1 + noise + np.linspace(-0.4, 0.4, 500)
    ratios = [measure_quality(x.astype(np.float32)).signal_to_noise for x in (level, sloped, 1000 * level)]
    np.testing.assert_allclose(ratios[1], ratios[0], rtol=0.1)
    np.testing.assert_allclose(ratios[2], ratios[0], rtol=1e-4)


def test_the_noise_is_the_formula_of_der_snr() -> None:
    x = np.random.default_rng(2).uniform(1, 2, 41)
    bends = sorted(abs(2 * x[i] - x[i - 2] - x[i + 2]) for i in range(2, 39))
    noise = 1.482602 / 6**0.5 * bends[len(bends) // 2]
    ratio = measure_quality(x[None].astype(np.float32)).signal_to_noise[0]
    assert ratio == pytest.approx(sorted(x)[20] / noise, rel=1e-5)


def test_spikes_up_and_down_are_counted_and_noise_and_broad_lines_are_not() -> None:
    rng = np.random.default_rng(3)
    grid = np.arange(1000.0)
    x = 1 + 5 * np.exp(-0.5 * ((grid - 500) / 8) ** 2) + rng.normal(0, 0.01, (200, 1000))
    clean = measure_quality(x.astype(np.float32)).spikes
    assert clean.sum() == 0
    struck = x.copy()
    struck[:, 100] += 1
    struck[:, 300:302] -= 1
    np.testing.assert_array_equal(measure_quality(struck.astype(np.float32)).spikes, 3)


def test_the_median_of_five_is_the_median() -> None:
    """Heavy tails, against numpy's own median."""
    x = np.random.default_rng(4).standard_cauchy(size=(300, 40)).astype(np.float32)
    bends = np.abs(2 * x[:, 2:-2] - x[:, :-4] - x[:, 4:])
    noise = 1.482602 / np.sqrt(6) * np.median(bends, axis=1)
    middle = np.median(np.lib.stride_tricks.sliding_window_view(x, 5, axis=1), axis=2)
    least = np.maximum(10 * noise, np.ptp(x, axis=1) / 100)
    by_hand = (np.abs(x[:, 2:-2] - middle) > least[:, None]).sum(axis=1)
    assert 0 < by_hand.sum() < by_hand.size
    np.testing.assert_array_equal(measure_quality(x).spikes, by_hand)


def test_saturation_dead_runs_and_negatives_by_hand() -> None:
    ramp = [float(i) for i in range(20)]
    plateau = [*ramp[:10], 9.0, 9.0, *ramp[9:1:-1]]  # 9 at channels 9 to 12
    dead = [*ramp[:5], *[0.5] * 10, *ramp[5:10]]
    flat = [2.0] * 20
    negative = [-1.0, -1.0, *ramp[2:]]
    found = measure_quality(f32(ramp, plateau, dead, flat, negative), signed=False)
    np.testing.assert_allclose(found.saturated, [0, 4 / 20, 0, 0, 0])
    np.testing.assert_allclose(found.dead, [0, 0, 10 / 20, 1, 0])
    np.testing.assert_allclose(found.negative, [0, 0, 0, 0, 2 / 20])
    np.testing.assert_allclose(measure_quality(f32(ramp), ceiling=15.0).saturated, [5 / 20])
    assert np.isnan(measure_quality(f32(ramp)).negative).all()


def test_numbers_do_not_depend_on_the_company() -> None:
    x = np.random.default_rng(5).normal(1, 0.1, (300, 64)).astype(np.float32)
    together, alone = measure_quality(x, signed=False), measure_quality(x[200:201], signed=False)
    assert {k: v[200] for k, v in vars(together).items()} == {k: v[0] for k, v in vars(alone).items()}


def test_a_dead_spectrum_has_no_signal_and_a_short_one_no_number() -> None:
    found = measure_quality(np.zeros((1, 50), dtype=np.float32))
    assert (found.signal_to_noise[0], found.dead[0]) == (0.0, 1.0)
    assert measure_quality(f32([1.0, 2.0])).columns()["quality_signal_to_noise"] == [""]


def values_of(seed: int, axis: np.ndarray = AXIS) -> np.ndarray:
    smooth = 2 + np.sin(axis / 30)
    return smooth + np.random.default_rng(seed).normal(0, 0.005, axis.size)


def write(folder: Path, name: str, values: np.ndarray, axis: np.ndarray = AXIS) -> None:
    (folder / "inbox").mkdir(exist_ok=True)
    text = "".join(f"{x:.4f}\t{y:.6f}\n" for x, y in zip(axis, values, strict=True))
    (folder / "inbox" / name).write_text(text)


def study_in(folder: Path, quality: Mapping[str, object] | None = None, **keys: object) -> Study:
    content = {
        "name": "t", "inbox": "inbox", "archive": "archive", "results": "results",
        "samples": {"pattern": r"(?P<label>[a-z]+)\d*\.txt"},
        "reading": {"axis_unit": "nm", "intensity_unit": "counts"}, "audit": {"seed": 1}, "quality": quality or {},
    }  # fmt: skip
    return study_from(content | keys, where=folder / "study.toml")


def ingest(folder: Path, **quality: object) -> IngestReport:
    return ingest_inbox(study_in(folder, quality))


def stored(folder: Path) -> xr.Dataset:
    spectra = open_archive(folder / "archive").open()
    return spectra.isel(sample=np.argsort(spectra["source"].values))


def test_every_spectrum_is_stored_with_its_quality(tmp_path: Path) -> None:
    burnt = np.minimum(values_of(1), 2.5)
    write(tmp_path, "a1.txt", values_of(0))
    write(tmp_path, "b1.txt", burnt)
    assert str(ingest(tmp_path)) == "2 new, 0 already archived"
    spectra = stored(tmp_path)
    assert set(COLUMNS) <= set(spectra.coords)
    measured = measure_quality(spectra["intensity"].values, signed=False)
    for name, texts in measured.columns().items():
        assert list(spectra[name].values) == texts
    shares = [float(text) for text in spectra["quality_saturated"].values]
    assert shares[0] == 0 and shares[1] == pytest.approx((burnt == 2.5).mean(), abs=1e-4) and shares[1] > 0.1
    assert list(spectra["quality_interpolated"].values) == ["0", "0"]


FAULTS = {
    "most_saturated": (0.05, np.minimum(values_of(1), 2.5), "a share of saturated channels of at most 0.05"),
    "most_spikes": (0, values_of(1) + np.eye(AXIS.size)[50], "a number of channels in spikes of at most 0"),
    "most_dead": (0.1, np.where(AXIS < 430, 0.0, values_of(1)), "a share of dead channels of at most 0.1"),
    "most_negative": (0.2, values_of(1) - 2, "a share of negative intensities of at most 0.2"),
    "least_signal_to_noise": (
        100, 2 + np.random.default_rng(1).normal(0, 0.1, AXIS.size), "a signal-to-noise ratio of at least 100",
    ),
}  # fmt: skip


def test_a_fault_is_refused_only_under_its_limit_and_taken_when_the_limit_goes(tmp_path: Path) -> None:
    write(tmp_path, "good1.txt", values_of(0))
    keys = {f"{key.replace('_', '')}1.txt": key for key in FAULTS}
    for name, key in keys.items():
        write(tmp_path, name, FAULTS[key][1])
    told = dict(ingest(tmp_path, **{key: limit for key, (limit, _, _) in FAULTS.items()}).quarantined)
    assert told.keys() == keys.keys()
    assert str(ingest(tmp_path)) == "5 new, 1 already archived"
    assert not list((tmp_path / "archive" / "quarantine").iterdir())
    spectra = open_archive(tmp_path / "archive").open()
    for name, key in keys.items():
        assert told[name].startswith(f"{name}: expected {FAULTS[key][2]} (quality.{key}), found ")
        column = key.removeprefix("most_").removeprefix("least_")
        (stored_text,) = spectra[f"quality_{column}"].values[spectra["source"].values == name]
        assert told[name].split("found ")[1].split(". ")[0] == stored_text


def test_another_axis_is_refused_unless_the_study_allows_so_much(tmp_path: Path) -> None:
    shifted = AXIS + 0.2
    write(tmp_path, "a1.txt", values_of(0))
    write(tmp_path, "a2.txt", values_of(2))
    write(tmp_path, "b1.txt", 3 * shifted, axis=shifted)
    ((_, reason),) = ingest(tmp_path).quarantined
    assert "expected the archive's axis" in reason
    ((_, reason),) = ingest(tmp_path, axis="interpolate", axis_tolerance=0.1).quarantined
    assert "a channel within 0.1 nm of each of the archive's" in reason and "up to 0.2 nm away" in reason
    assert ingest(tmp_path, axis="interpolate", axis_tolerance=0.25).new == 1
    spectra = stored(tmp_path)
    assert list(spectra["quality_interpolated"].values) == ["0", "0", "0.2"]
    line = spectra["intensity"].values[2]
    np.testing.assert_allclose(line[1:], 3 * AXIS[1:], rtol=1e-6)  # exact on a line
    assert line[0] == np.float32(3 * shifted[0])  # beyond its first channel the file says nothing else


def test_no_axis_is_stretched_beyond_the_tolerance(tmp_path: Path) -> None:
    write(tmp_path, "a1.txt", values_of(0))
    write(tmp_path, "a2.txt", values_of(1))
    for name, axis in {"coarse": AXIS[::4], "short": AXIS[:150], "shifted": AXIS + 0.3}.items():
        write(tmp_path, f"{name}.txt", values_of(2, axis), axis=axis)
    told = ingest(tmp_path, axis="interpolate", axis_tolerance=0.25).quarantined
    assert [name for name, _ in told] == ["coarse.txt", "shifted.txt", "short.txt"]


def test_the_same_bytes_twice_are_both_refused_not_one_the_double_of_nothing(tmp_path: Path) -> None:
    write(tmp_path, "a1.txt", values_of(0))
    for name in ("b1.txt", "b2.txt"):
        write(tmp_path, name, np.minimum(values_of(1), 2.5))
    report = ingest(tmp_path, most_saturated=0.01)
    assert [name for name, _ in report.quarantined] == ["b1.txt", "b2.txt"] and not report.duplicates
    with Ledger(tmp_path / "archive" / "ledger.sqlite") as ledger:
        assert ledger.counts() == {"archived": 1, "quarantined": 2}


def test_a_file_is_refused_whole_and_the_spectrum_is_named(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    rows = zip(AXIS, values_of(0), np.minimum(values_of(1), 2.5), strict=True)
    text = "nm\tleft\tright\n" + "".join(f"{x:g}\t{y:.5f}\t{z:.5f}\n" for x, y, z in rows)
    (tmp_path / "inbox" / "a1.txt").write_text(text)
    write(tmp_path, "b1.txt", values_of(3))
    ((name, reason),) = ingest(tmp_path, most_saturated=0.01).quarantined
    assert name == "a1.txt" and reason.startswith("a1.txt, spectrum 2: ")


@pytest.mark.parametrize(
    ("quality", "told"),
    [
        ({"axis": "interpolate"}, 'axis_tolerance exactly where axis is "interpolate"'),
        ({"axis_tolerance": 1.0}, 'axis_tolerance exactly where axis is "interpolate"'),
        ({"most_saturated": 2.0}, "quality.most_saturated"),
        ({"most_noisy": 1}, "one of axis, axis_tolerance, ceiling"),
    ],
    ids=str,
)
def test_a_quality_that_says_nothing_clear_is_refused(tmp_path: Path, quality: Mapping[str, object], told: str) -> None:
    with pytest.raises(StudyError) as refused:
        study_in(tmp_path, quality)
    assert told in str(refused.value)


def test_a_column_of_a_sheet_does_not_pass_for_ours() -> None:
    assert [column_name(name) for name in ("quality_dead", "quality_grade")] == ["quality_dead_name", "quality_grade"]


def test_the_digest_changes_with_what_is_asked_and_with_nothing_else(tmp_path: Path) -> None:
    plain = study_in(tmp_path)
    assert study_in(tmp_path, {"axis": "exact"}, inbox_after="done").digest() == plain.digest()
    assert study_in(tmp_path, {"most_dead": 0.5}).digest() != plain.digest()
