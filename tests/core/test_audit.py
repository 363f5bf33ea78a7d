"""What the audit says of spectra whose truth is known, and of those that cannot be judged."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_core import audit_classifier
from spectral_core.errors import OffbandError
from spectral_core.simulate import BAND, BLANK, Recipe, simulate


def judged(recipe, seed=0, *, bands=True, blank=True, unit=True, **options):
    data = simulate(recipe, seed=seed)
    return audit_classifier(
        data.x, data.label, axis=data.axis, axis_unit="cm-1",
        bands={"C=O": BAND} if bands else None, blank={"silent": BLANK} if blank else None,
        unit=data.unit if unit else None, batch=data.batch if recipe.batches > 1 else None,
        **{"n_permutations": 199, "seed": seed} | options,
    )  # fmt: skip


def codes(found):
    return {message.code for message in found}


SURE = (60, 60)


@pytest.mark.parametrize(
    ("recipe", "verdict", "reasons"),
    [
        (Recipe(units=SURE, band_effect=0.25), "supported", set()),
        (Recipe(units=(40, 40, 40), band_effect=0.5), "supported", set()),
        (Recipe(units=(90, 12), band_effect=0.4), "supported", set()),
        (
            Recipe(units=SURE, other_effect=0.3),
            "unexplained",
            {"off_band_sufficient", "bands_not_privileged"},
        ),
        (Recipe(units=SURE, offset=0.6), "artefact", {"blank_sufficient", "nuisance_sufficient"}),
        (Recipe(units=SURE, shift=4.0), "unexplained", {"off_band_sufficient", "bands_not_privileged"}),
        (Recipe(units=(300, 300), channels=60), "no_signal", {"no_association"}),
        (Recipe(units=(4, 40), band_effect=0.5), "inconclusive", {"too_few_units"}),
        (Recipe(units=(8, 8), band_effect=0.1), "inconclusive", {"underpowered"}),
    ],
)
def test_verdicts_on_planted_truth(recipe, verdict, reasons):
    report = judged(recipe)
    assert report.verdict == verdict, report.content["reasons"]
    assert codes(report.reasons) == reasons


def test_a_batch_that_makes_the_accuracy_is_convicted_and_one_that_does_not_is_not():
    confounded = Recipe(units=(80, 80), batches=4, batch_mix=0.85, batch_offset=2.0)
    report = judged(confounded, seed=1, blank=False)
    assert report.verdict == "artefact" and "batch_confounded" in codes(report.reasons)
    assert judged(Recipe(units=SURE, batches=4, band_effect=0.3, batch_offset=0.3)).verdict == "supported"


def test_an_aliased_batch_leaves_the_question_open():
    report = judged(Recipe(units=SURE, batches=2, batch_mix=1.0, band_effect=0.3), blank=False)
    assert (report.verdict, codes(report.reasons)) == ("inconclusive", {"class_aliased_with_batch"})


def test_replicates_with_random_labels_are_convicted():
    data = simulate(Recipe(units=(100, 100), replicates=3, fingerprint=0.1, channels=150), seed=0)
    report = audit_classifier(data.x, data.label, axis=data.axis, axis_unit="cm-1", unit=data.unit,
                              n_permutations=199, seed=0)  # fmt: skip
    leakage = next(check for check in report.checks if check.code == "replicate_leakage")
    assert leakage.asked and leakage.values["random_folds"]["estimate"] > 0.7
    assert report.verdict == "artefact" and codes(report.reasons) == {"replicate_leakage"}


def test_noise_that_differs_is_told_though_the_model_does_not_see_it():
    report = judged(Recipe(units=SURE, noise_ratio=0.5))
    assert report.verdict in {"no_signal", "inconclusive"}
    assert "nuisance_signal" in codes(report.caveats)


def test_what_is_undeclared_is_asked_for():
    recipe = Recipe(units=SURE, band_effect=0.3)
    assert codes(judged(recipe, bands=False).reasons) == {"bands_undeclared"}
    without_unit = judged(recipe, unit=False)
    assert (without_unit.verdict, codes(without_unit.reasons)) == ("inconclusive", {"unit_undeclared"})
    assert "blank_undeclared" in codes(judged(recipe, blank=False).caveats)


def test_bands_that_cover_everything_leave_no_off_band_to_ask():
    data = simulate(Recipe(band_effect=0.3), seed=0)
    report = audit_classifier(data.x, data.label, axis=data.axis, axis_unit="cm-1", unit=data.unit,
                              bands={"all": (1000, 2000)}, n_permutations=199, seed=0)  # fmt: skip
    assert codes(report.reasons) == {"bands_undeclared"}
    off_band = next(check for check in report.checks if check.code == "off_band")
    assert not off_band.asked and "cover every channel" in off_band.finding


def test_snv_carries_band_signal_off_band_and_the_audit_says_so():
    # a strong band in a flat spectrum: dividing by the standard deviation writes it everywhere
    rng = np.random.default_rng(0)
    axis = np.linspace(0, 300, 300)
    label = np.repeat([0, 1], 60)
    peak = np.exp(-0.5 * ((axis - 60) / 8) ** 2) * (1 + label[:, None] + 0.1 * rng.normal(size=(120, 1)))
    x = 1 + peak + np.exp(-0.5 * ((axis - 200) / 8) ** 2) + 0.02 * rng.normal(size=(120, 300))
    report = audit_classifier(x, label, axis=axis, axis_unit="nm", bands={"peak": (35, 85)}, unit=np.arange(120),
                              preprocess="snv", n_permutations=199, seed=0)  # fmt: skip
    assert report.verdict == "supported"
    assert "preprocessing_carried" in codes(report.caveats)


def test_the_same_seed_gives_the_same_report():
    first, second = (judged(Recipe(units=(20, 20), band_effect=0.2), seed=3).to_dict() for _ in range(2))
    assert first | {"created_at": ""} == second | {"created_at": ""}


def test_every_container_of_numbers_gives_the_same_verdict():
    data = simulate(Recipe(units=(30, 30), band_effect=0.3), seed=0)
    dask_array = pytest.importorskip("dask.array")
    for x in (
        data.x,
        xr.DataArray(data.x, dims=("sample", "channel")),
        dask_array.from_array(data.x, chunks=7),
    ):
        report = audit_classifier(x, data.label, axis=data.axis, axis_unit="cm-1", bands={"b": BAND}, unit=data.unit,
                                  n_permutations=199, seed=0)  # fmt: skip
        assert report.verdict == "supported"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("factor", [1e-3, 1.0])
def test_precision_and_scale_do_not_change_the_verdict(dtype, factor):
    data = simulate(Recipe(units=(40, 40), band_effect=0.3), seed=2)
    report = audit_classifier((data.x * factor).astype(dtype), data.label, axis=data.axis, axis_unit="cm-1",
                              bands={"b": BAND}, unit=data.unit, n_permutations=199, seed=0)  # fmt: skip
    assert report.verdict == "supported"


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_extreme_intensities_are_judged_alike(factor):
    data = simulate(Recipe(units=(40, 40), band_effect=0.3), seed=2)
    report = audit_classifier(data.x * factor, data.label, axis=data.axis, axis_unit="cm-1", blank={"k": BLANK},
                              bands={"b": BAND}, unit=data.unit, n_permutations=199, seed=0)  # fmt: skip
    assert report.verdict == "supported"


def test_equal_spectra_constant_channels_and_few_numbers_are_survived():
    axis = np.arange(30.0)
    same = audit_classifier(np.full((24, 30), 0.1), np.arange(24) % 2, axis=axis, axis_unit="nm",
                            bands={"b": (5, 8)}, blank={"k": (25, 28)}, n_permutations=99, seed=0)  # fmt: skip
    assert same.verdict in {"no_signal", "inconclusive"}
    tiny = audit_classifier(np.eye(4, 3), [0, 0, 1, 1], axis=[1, 2, 3], axis_unit="nm", n_permutations=99, seed=0)
    assert codes(tiny.reasons) == {"too_few_units"}
    for seed in range(4):
        assert codes(judged(Recipe(units=(1, 1)), seed=seed).reasons) == {"too_few_units"}


def test_too_few_permutations_for_alpha_are_said_to_be_missing_not_units():
    report = judged(Recipe(units=(20, 20), band_effect=0.5, channels=80), n_permutations=99, alpha=0.005)
    reason = next(reason for reason in report.reasons if reason.code == "underpowered")
    assert "not settled, at least 100 more permutations are needed" in reason.message  # 1/200 is the largest p allowed
    assert "Run at least 100 more permutations" in reason.message and "units would decide" not in reason.message
    enough = judged(Recipe(units=(20, 20), band_effect=0.5, channels=80), n_permutations=199, alpha=0.005)
    assert enough.verdict == "supported"
    nothing = judged(Recipe(units=(20, 20), channels=80), n_permutations=99, alpha=0.005)
    assert "not settled" not in nothing.checks[0].finding  # other labels did as well: that is an answer


def test_a_model_at_chance_has_no_accuracy_that_could_come_from_elsewhere():
    led = 0
    for seed in range(6):
        report = judged(Recipe(units=(20, 20), noise=0.005), seed=seed, n_permutations=99)
        values = {check.code: check.values for check in report.checks}
        lead, at_chance = values["band_sufficiency"]["full_minus_this"], values["association"]["p_adjusted"] > 0.05
        led += at_chance and lead["estimate"] > 0.05 and lead["at_least"] > 0
        assert not at_chance or "bands_insufficient" not in codes(report.caveats)
    assert led  # chance makes such leads


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": ["a"] * 40}, "two or more classes"),
        ({"y": ["a", "b"] * 19}, "40 labels"),
        (
            {"bands": {"C-H": (2800, 3000)}},
            "band 'C-H': expected an interval inside the axis, 1000 to 2000 cm-1",
        ),
        ({"blank": {"gap": BAND}}, "blank 'gap': expected no channel of a declared band"),
        ({"axis": np.linspace(1000, 2000, 299)}, "299 channels"),
        ({"axis": np.r_[np.linspace(1000, 1999, 299), 1998.0]}, "not monotonic"),
        ({"preprocess": "snvv"}, "unknown 'snvv'"),
        ({"n_permutations": 5}, "n_permutations: expected a whole number from 99"),
        ({"n_folds": 2.5}, "n_folds: expected a whole number from 2"),
        ({"delta": 0.7}, "delta"),
        ({"seed": 1.5}, "seed: expected a whole number from 0"),
        ({"bands": [BAND]}, "bands: expected name to (low, high), found list"),
        ({"bands": {"C-H": "strong"}}, "bands, 'C-H': expected (low, high), two numbers, found 'strong'"),
        ({"axis": ["a"] * 300}, "axis: expected numbers, one position a channel"),
        ({"preprocess": None}, "variant: expected a text such as 'snv', found None"),
        ({"seed": None}, "seed: expected a whole number from 0"),
    ],
)
def test_bad_input_is_refused_with_its_place(change, message):
    data = simulate(Recipe(units=(20, 20)), seed=0)
    good = {
        "X": data.x,
        "y": data.label,
        "axis": data.axis,
        "axis_unit": "cm-1",
        "bands": {"b": BAND},
        "seed": 0,
    }
    with pytest.raises(OffbandError) as error:
        audit_classifier(**good | change)
    assert message in str(error.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_missing_and_infinite_intensities_are_refused_with_spectrum_and_channel(bad):
    data = simulate(Recipe(units=(20, 20)), seed=0)
    x = data.x.copy()
    x[6, 0] = bad
    with pytest.raises(OffbandError, match="spectrum 7, axis 1000"):
        audit_classifier(x, data.label, axis=data.axis, axis_unit="cm-1", seed=0)


def test_a_report_is_written_and_tabulated(tmp_path):
    report = judged(Recipe(units=(20, 20), band_effect=0.2))
    assert report.save_json(tmp_path / "report.json").is_file()
    assert "<html" in report.save_html(tmp_path / "report.html").read_text(encoding="utf-8")
    frame = report.to_frame()
    assert set(frame["probe"]) == {"full", "bands", "off_band", "guards_left_out", "blank", "nuisance"}
    assert frame["balanced_accuracy"].between(0, 1).all()
