"""What every diagnostic promises: a number beside its band or a plain reason, whatever the spectra."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from spectral_core.diagnostics import Band, Diagnostic, NotGiven, Sample, examine_diagnostics, measure_geometry
from spectral_core.diagnostics.capacity import training_accuracy
from spectral_core.diagnostics.class_overlap import class_overlap
from spectral_core.diagnostics.examination import examine_scalars
from spectral_core.diagnostics.geometry import MOST_SPECTRA, choose_spectra
from spectral_core.diagnostics.norm_separability import norm_separability
from spectral_core.diagnostics.variance_ratio import variance_ratio
from spectral_core.errors import AuditError
from spectral_core.report import json_text
from spectral_core.splits import make_design, permuted_codes

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "diagnostics.md"
REGIONS = {"bands": {"b": (3.0, 6.0)}, "blanks": {"k": (20.0, 25.0)}}
SCALARS = (
    "participation_ratio", "participation_ratio_norms", "thin_shell", "effective_rank", "two_nn", "relative_contrast",
    "hubness", "observable_diameter", "norm_separability.raw", "norm_separability.centred", "norm_separability.snv",
    "norm_separability.area", "norm_separability.unit_vector", "variance_ratio.in_band", "variance_ratio.off_band",
    "variance_ratio.blank", "class_overlap", "cover_capacity", "training_accuracy",
)  # fmt: skip


def spectra(n=40, d=30, *, classes=2, replicates=1, seed=0):
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(n), replicates)
    design = make_design(units % classes, unit=units)
    x = 5 + rng.normal(size=(n, d))[units] + 0.2 * rng.normal(size=(units.size, d))
    return x, design, np.column_stack([design.codes, permuted_codes(design, n=39, seed=seed)])


def scalars(x, design, codes, *, seed=1):
    found = examine_scalars(x, np.arange(float(x.shape[1])), design, codes, **REGIONS, seed=seed)
    return {scalar.name: scalar for scalar in found}


@pytest.fixture(scope="module")
def ordinary():
    return scalars(*spectra())


def test_every_number_stands_beside_its_band_with_interval_and_reading(ordinary):
    assert tuple(ordinary) == SCALARS
    for result in ordinary.values():
        assert isinstance(result, Diagnostic), result
        assert result.band.low <= result.band.high and 0 < result.band.p <= 1
        if result.name != "cover_capacity":
            assert result.low <= result.estimate
            assert result.estimate <= result.high or result.name == "observable_diameter"  # one-sided for 40 units
        assert re.fullmatch(r"[A-Z0-9][^.].*[^.]\.", result.reading) and "nan" not in result.reading
        assert result.assumptions and {a.status for a in result.assumptions} <= {"checked", "assumed", "violated"}
        assert (result.sample.n, result.sample.n_units, result.sample.seed) == (40, 40, 1)
        assert str(result).startswith(result.name) and str(result.band) in str(result)


def test_every_name_is_documented():
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in SCALARS:
        assert f"`{name}`" in text or f"`{name.split('.')[0]}.*`" in text, name


def test_the_python_of_the_document_runs(capsys):
    for source in re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), flags=re.S | re.M):
        exec(compile(source, DOCUMENT.name, "exec"), {"__name__": "__main__"})
    assert "channel standard deviations" in capsys.readouterr().out


def test_the_report_is_found_by_name_and_written_and_tabulated():
    x, design, codes = spectra(12)
    report = examine_diagnostics(x, np.arange(30.0), design, codes, **REGIONS, seed=1)
    assert report["hubness"].name == "hubness"
    content = report.to_dict()
    assert json_text(content)  # refuses NaN and infinities
    assert content["scalars"]["cover_capacity"]["interval"] == [None, None]
    frame = report.to_frame().set_index("name")
    assert frame.loc["thin_shell", "estimate"] == report.metrics()["diagnostics.thin_shell"]
    assert "19 of 19 diagnostics" in str(report)
    with pytest.raises(KeyError):
        report["verdict"]


def test_the_same_seed_gives_the_same_report_and_the_unit_of_intensity_does_not_matter(ordinary):
    x, design, codes = spectra()
    again, scaled = scalars(x, design, codes), scalars(x * 1e5, design, codes)
    for name, result in ordinary.items():
        assert str(again[name].to_dict()) == str(result.to_dict())
        assert scaled[name].estimate == pytest.approx(result.estimate, rel=1e-6), name


def test_the_order_of_spectra_and_channels_does_not_matter():
    x, design, codes = spectra(replicates=2)
    order = np.random.default_rng(2).permutation(80)
    names = np.array([f"u{u:02d}" for u in design.unit])[order]
    moved = make_design(design.codes[order], unit=names)
    first, second = scalars(x, design, codes), scalars(x[order], moved, codes[order])
    for name in set(SCALARS) - {"observable_diameter"}:  # its halves are drawn
        assert second[name].estimate == pytest.approx(first[name].estimate, rel=1e-9), name


PATHOLOGICAL = {
    "constant channels": lambda x: np.where(np.arange(x.shape[1]) % 3, x, 7.0),
    "duplicates": lambda x: np.repeat(x[::2], 2, axis=0)[: len(x)],
    "all equal": lambda x: np.full_like(x, 0.1),
    "zeros": lambda x: np.zeros_like(x),
    "one outlier": lambda x: np.where(np.arange(x.shape[0])[:, None] == 3, 1e9 * x, x),
    "one class constant": lambda x: np.where(np.arange(x.shape[0])[:, None] % 2, x, 5.0),
    "one direction": lambda x: x[:, :1] * np.ones(x.shape[1]),
    "tiny": lambda x: x * 1e-30,
    "huge": lambda x: x * 1e30,
    "float32": lambda x: x.astype(np.float32),
    "one channel": lambda x: x[:, :1],
    "SNV": lambda x: (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True),
}


@pytest.mark.parametrize("n", [4, 5, 9, 24])
@pytest.mark.parametrize("change", PATHOLOGICAL)
def test_pathological_spectra_give_numbers_or_reasons(change, n):
    x, design, codes = spectra(n, 30 if n == 24 else 3)
    found = scalars(PATHOLOGICAL[change](x), design, codes)
    for result in found.values():
        assert json_text(result.to_dict())
        if isinstance(result, NotGiven):
            assert result.to_dict()["reading"].startswith(f"{result.name} cannot be given, because ")
    if change in ("all equal", "zeros"):
        given = {name for name, result in found.items() if isinstance(result, Diagnostic)}
        assert given == {"cover_capacity"}
        assert found["cover_capacity"].parts["rank"] == 0


def test_small_and_odd_designs_give_numbers_or_reasons():
    lonely = make_design(["a"] * 9 + ["b"])
    mixed = make_design(["a", "b"] * 6, unit=np.arange(12) // 4)
    ragged = make_design(np.repeat(["a", "b", "c"], [8, 5, 3]), unit=np.repeat(np.arange(8), [1, 3, 4, 2, 3, 1, 1, 1]))
    for design in (lonely, mixed, ragged):
        x = np.random.default_rng(0).normal(size=(design.n, 30))
        found = scalars(x, design, np.column_stack([design.codes, permuted_codes(design, n=19, seed=0)]))
        assert json_text({name: result.to_dict() for name, result in found.items()})
    statements = {a.statement: a.status for a in found["hubness"].assumptions}
    assert statements["units are averages of equally many spectra"] == "violated"


def test_a_spectrum_after_snv_has_no_norm_to_tell_classes_by():
    x, design, codes = spectra()
    found = scalars(PATHOLOGICAL["SNV"](x), design, codes)
    assert str(found["norm_separability.raw"]).endswith("is the same for all spectra to one part in 1,000,000,000,000")
    assert isinstance(found["norm_separability.snv"], Diagnostic)
    single = scalars(PATHOLOGICAL["SNV"](x).astype(np.float32), design, codes)
    assert str(single["norm_separability.raw"]).endswith("is the same for all spectra to one part in 1,000,000")


def test_channels_that_do_not_vary_are_counted_nowhere():
    x, design, codes = spectra()
    x[:, [4, 10, 22]] = 7.0
    found = scalars(x, design, codes)
    counts = {name: result.sample.d for name, result in found.items() if not name.startswith("variance_ratio")}
    assert set(counts.values()) == {27}
    full = {name: result.sample.d for name, result in scalars(*spectra()).items()}
    for region, constant in {"in_band": 1, "off_band": 2, "blank": 1}.items():
        assert found[f"variance_ratio.{region}"].sample.d == full[f"variance_ratio.{region}"] - constant


def test_the_largest_of_many_pairs_has_an_interval_that_allows_for_the_choice():
    """Five identical classes: 0.5 is the largest AUC there is, and the observed one is about 0.7."""
    rng, design = np.random.default_rng(4), make_design(np.repeat(np.arange(5), 12))
    codes = np.column_stack([design.codes, permuted_codes(design, n=1, seed=0)])
    found = [norm_separability(rng.normal(size=(60, 20)), np.arange(20.0), design, codes, seed=0)[0] for _ in range(40)]
    assert np.mean([f.estimate for f in found]) > 0.65
    assert sum(f.low <= 0.5 <= f.high for f in found) >= stats.binom.ppf(1e-3, 40, 0.95)


@pytest.mark.parametrize("small", [50, 10, 90])
def test_a_class_that_scatters_more_is_not_told_apart_by_distances_whatever_its_share(small):
    rng, design = np.random.default_rng(5), make_design(np.repeat([0, 1], [100 - small, small]))
    x = rng.normal(size=(100, 300)) * (1 + 0.3 * design.codes)[:, None]
    codes = np.column_stack([design.codes, permuted_codes(design, n=39, seed=0)])
    found = class_overlap(measure_geometry(x, design, seed=0), codes)
    assert abs(found.estimate - 0.5) < 0.02
    assert "distances alone tell" not in found.reading and "nearer than chance" not in found.reading
    assert found.parts["from 0"] > 0.98 and found.parts["from 1"] < 0.05


def test_classes_that_are_nearer_to_each_other_than_chance_are_said_to_be():
    x, design, codes = spectra()
    for c in (0, 1):
        x[design.codes == c] -= x[design.codes == c].mean(axis=0)
    found = class_overlap(measure_geometry(x, design, seed=0), codes)
    assert found.estimate < found.band.low
    assert found.reading.endswith("the other class is nearer than chance allows, as after class means were taken off.")


def test_the_permutation_scheme_stands_in_the_report():
    x = np.random.default_rng(6).normal(size=(40, 30))
    batch = np.arange(40) // 20
    across = "permuted across batches: a batch effect looks like a class"
    for labels, within, note in ((np.arange(40) % 2, True, "permuted inside batches"),
                                 (np.arange(40) % 2, False, across), (batch, False, across)):  # fmt: skip
        design = make_design(labels, batch=batch)
        drawn = permuted_codes(design, n=19, seed=0, within_batch=within)
        found = scalars(x, design, np.column_stack([design.codes, drawn]))
        notes = {r.name: [a.note for a in r.assumptions if a.statement.startswith("permuted labels are exchangeable")]
                 for r in found.values()}  # fmt: skip
        assert all(notes[name] == ([note] if found[name].band.kind == "permuted labels" else []) for name in notes)
    x, design, codes = spectra()
    (stated,) = [a for a in scalars(x, design, codes)["class_overlap"].assumptions if "exchangeable" in a.statement]
    assert stated.note == "no batch was declared: permuted among all units"


def test_twins_are_left_out_and_counted():
    x, design, codes = spectra()
    x[1] = x[0]
    found = scalars(x, design, codes)
    for name in ("two_nn", "relative_contrast"):
        (note,) = [a for a in found[name].assumptions if a.statement.startswith("no two units")]
        assert (note.status, note.note) == ("violated", "2 have a twin and are left out")


def test_of_many_spectra_units_come_first_and_every_result_says_how_many():
    rng = np.random.default_rng(0)
    units = np.r_[np.repeat(np.arange(1500), 2), 1500 + np.arange(15)]
    design = make_design(np.where(units < 1500, units % 2, 2), unit=units)
    rows = choose_spectra(design, most=MOST_SPECTRA, seed=3)
    assert rows.size == MOST_SPECTRA and np.unique(design.unit[rows]).size == 1515
    few = choose_spectra(design, most=600, seed=3)
    assert (design.codes[few] == 2).sum() == 15
    assert np.unique(design.unit[few]).size == 600
    x = rng.normal(size=(design.n, 4))
    geometry = measure_geometry(x, design, seed=3)
    assert geometry.sample.n == MOST_SPECTRA
    assert "2,000 of 3,015 spectra, 1,515 of 1,515 units" in {a.note for a in geometry.assumptions}


def test_identical_classes_lie_inside_their_band():
    """Inside the permutation band in ≥ 95 % of seeds; tests/calibration has many."""
    inside = {}
    for seed in range(40):
        x, design, codes = spectra(20, 30, seed=seed)
        regions, geometry = {"all_channels": np.ones(30, dtype=bool)}, measure_geometry(x, design, seed=seed)
        for result in (*norm_separability(x, np.arange(30.0), design, codes, seed=seed),
                       *variance_ratio(x, design, codes, regions=regions, seed=seed),
                       class_overlap(geometry, codes), training_accuracy(geometry, codes)):  # fmt: skip
            inside.setdefault(result.name, []).append(result.band.low <= result.estimate <= result.band.high)
    assert len(inside) == 8
    for name, found in inside.items():
        assert sum(found) >= stats.binom.ppf(1e-4, 40, 0.95), name


def test_a_difference_in_noise_level_shows_where_it_should():
    rng = np.random.default_rng(1)
    design = make_design(np.arange(200) % 2)
    x = rng.normal(size=(200, 400)) * (1 + 0.1 * design.codes)[:, None]
    found = scalars(x, design, np.column_stack([design.codes, permuted_codes(design, n=39, seed=0)]))
    assert found["norm_separability.raw"].estimate > 0.95
    assert "'1' lies above '0'" in found["norm_separability.raw"].reading
    assert found["variance_ratio.off_band"].estimate > found["variance_ratio.off_band"].band.high
    assert found["class_overlap"].estimate < 0.55
    assert "carries no evidence" in found["training_accuracy"].reading


def test_messages_name_the_place_and_the_remedy():
    x, design, codes = spectra()
    axis = np.arange(30.0)
    wrong = [
        (x[:, :5], axis, codes, "axis: expected one position for each channel"),
        (x, axis, codes[:, :1], "labelings: expected 40 rows, the observed labels and at least one permutation"),
        (x, axis, codes[:, 1:], "labelings: expected the observed labels in the first column"),
        (np.where(x > 7, np.nan, x), axis, codes, "spectra: expected finite intensities"),
        (x[1:], axis, codes, "spectra: expected 40 rows"),
    ]
    for matrix, positions, labels, message in wrong:
        with pytest.raises(AuditError, match=message):
            examine_diagnostics(matrix, positions, design, labels, bands={}, blanks={}, seed=0)


def test_a_diagnostic_refuses_a_number_that_is_none():
    band = Band("permuted labels", 0.0, 1.0, 0.5)
    with pytest.raises(AuditError, match="diagnostic thin_shell: expected finite figures, found the estimate is not"):
        Diagnostic("thin_shell", float("nan"), 0.0, 1.0, band, Sample(4, 3, 4, 0), (), "")


def test_too_few_spectra_for_curves_still_give_a_report():
    x, design, codes = spectra(4, 3)
    report = examine_diagnostics(x, np.arange(3.0), design, codes, bands={}, blanks={}, seed=0)
    assert json_text(report.to_dict())
    assert len(report.curves) == 3
