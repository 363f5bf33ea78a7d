"""A streamed audit says what the audit in memory says, field by field; what it asks of a subsample it says so."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from spectral_core import audit_classifier
from spectral_core.audit import audit_study
from spectral_core.errors import SpectraError
from spectral_core.simulate import BAND, BLANK, Recipe, simulate
from spectral_core.spectra import make_spectra
from spectral_core.splits import make_design
from spectral_core.streaming import StreamLimits, passes
from spectral_core.streaming import audit as streamed_audit
from spectral_core.streaming import rows as reading
from spectral_core.streaming.subsample import draw_subsample
from spectral_core.study import study_from

OWN = ("created_at", "streamed")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(reading, "READ", 24)


def differences(a, b, place=""):
    """List the places where two reports differ by more than 1e-6."""
    if isinstance(a, dict) and isinstance(b, dict):
        keys = (set(a) | set(b)) - set(OWN)
        lost = [f"{place}/{key}" for key in keys if key not in a or key not in b]
        return lost + [d for key in keys & set(a) & set(b) for d in differences(a[key], b[key], f"{place}/{key}")]
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        if len(a) != len(b):
            return [f"{place}: {len(a)} and {len(b)} entries"]
        return [d for i, pair in enumerate(zip(a, b, strict=True)) for d in differences(*pair, f"{place}[{i}]")]
    if isinstance(a, float) and isinstance(b, float):
        near = a == b or (np.isnan(a) and np.isnan(b)) or abs(a - b) <= 1e-6 * max(1.0, abs(a))
        return [] if near else [f"{place}: {a} and {b}"]
    return [] if a == b else [f"{place}: {a} and {b}"]


def both(recipe, *, bands=True, blank=True, unit=True, shuffled=False, times=False, **options):
    data = simulate(recipe, seed=0)
    rows = np.random.default_rng(0).permutation(data.label.size) if shuffled else np.arange(data.label.size)
    settings = {
        "axis": data.axis, "axis_unit": "cm-1", "bands": {"C=O": BAND} if bands else None,
        "blank": {"silent": BLANK} if blank else None, "unit": data.unit[rows] if unit else None,
        "batch": data.batch[rows] if recipe.batches > 1 else None,
        "acquired_at": rows.astype(float) if times else None, "n_permutations": 99, "seed": 4,
    } | options  # fmt: skip
    x = data.x[rows].astype(np.float32)
    in_memory = audit_classifier(x, data.label[rows], **settings)
    return in_memory, audit_classifier(
        da.from_array(x, chunks=(16, -1)), data.label[rows], in_memory_mb=0.0, **settings
    )  # fmt: skip


FEW = {"units": (20, 20), "band_effect": 0.3, "channels": 60}


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        (Recipe(**FEW), {}),
        (Recipe(**FEW | {"replicates": 3}), {"preprocess": "snv | savgol(5, 2, 1)", "shuffled": True}),
        (Recipe(**FEW | {"units": (24, 24), "batches": 3, "batch_offset": 0.3}), {"preprocess": "snv", "times": True}),
        (Recipe(**FEW | {"replicates": 4, "batches": 4, "crossed": True}), {"times": True}),
        (Recipe(**FEW | {"units": (12, 12, 12)}), {"preprocess": "snv", "blank": False}),
        (Recipe(**FEW), {"bands": False, "blank": False, "unit": False}),
        (Recipe(**FEW), {"preprocess": "crop(1300, 1900) | vector"}),
    ],
)
def test_a_streamed_audit_equals_the_audit_in_memory(recipe, options):
    in_memory, streamed = both(recipe, **options)
    assert not differences(in_memory.to_dict(), streamed.to_dict())
    n = in_memory.content["design"]["n_spectra"]
    assert streamed.content["streamed"] == {"passes": 3, "subsample": n, "seed": 4, "units_behind_leverage": 1.0}


def test_a_crop_that_a_step_refuses_is_judged_raw_as_in_memory(monkeypatch):
    monkeypatch.setattr(reading, "READ", 4096)  # the note counts the spectra of a block
    # this baseline can be solved for on whole spectra of this seed, not off-band
    in_memory, streamed = both(Recipe(**FEW | {"channels": 90}), preprocess="als(lam=3e13)")
    note = streamed.content["variants"][0]["probes"]["off_band"]["note"]
    assert "raw, because als, spectrum" in note
    assert not differences(in_memory.to_dict(), streamed.to_dict())


def test_the_comparison_of_reports_sees_a_difference():
    in_memory, _ = both(Recipe(**FEW))
    other = in_memory.to_dict()
    other["variants"] = [other["variants"][0] | {"verdict": "artefact"}]
    assert differences(in_memory.to_dict(), other) == ["/variants[0]/verdict: supported and artefact"]
    assert differences({"a": [1.0]}, {"a": [1.0 + 1e-5]}) and not differences({"a": [1.0]}, {"a": [1.0 + 1e-8]})


class Seen(list):
    def __call__(self, done, of):
        self.append((done, of))


def test_a_study_is_streamed_from_the_size_it_says(tmp_path):
    data = simulate(Recipe(units=(8, 8), band_effect=0.3, channels=40), seed=1)
    content = {
        "name": "s", "inbox": "i", "archive": "a", "results": "r", "variants": ["snv"],
        "samples": {"pattern": "(?P<label>.+)_(?P<unit>.+)", "unit": "unit"}, "reading": {"axis_unit": "cm-1"},
        "bands": {"C=O": {"interval": list(BAND), "assignment": "ester"}},
        "audit": {"permutations": 99, "seed": 1},
    }  # fmt: skip
    metadata = {"label": data.label, "unit": data.unit.astype(str)}
    spectra = make_spectra(data.x, data.axis, axis_unit="cm-1", intensity_unit="counts", metadata=metadata)
    told = []
    for compute in ({}, {"in_memory_mb": 0.001, "workers": 2}):
        study = study_from(content | {"compute": compute}, where=tmp_path / "study.toml")
        seen = Seen()
        told.append(audit_study(study, spectra, snapshot="x", progress=seen).to_dict())
        assert seen[-1][0] == seen[-1][1] and seen == sorted(seen)
    assert not differences(*told) and "streamed" in told[1] and "streamed" not in told[0]


def test_copies_and_broken_spectra_are_found_on_the_way():
    data = simulate(Recipe(**FEW), seed=0)
    x = np.tile(data.x, (2, 1))
    options = {"axis": data.axis, "axis_unit": "cm-1", "bands": {"C=O": BAND}, "n_permutations": 99, "seed": 0,
               "unit": np.arange(len(x))}  # fmt: skip
    label = np.tile(data.label, 2)
    reports = [audit_classifier(x, label, in_memory_mb=size, **options) for size in (512.0, 0.0)]
    assert not differences(*(report.to_dict() for report in reports))
    assert "copied_spectra" in {caveat.code for caveat in reports[1].caveats}
    x[70, 3], x[50, 4] = np.nan, np.inf
    messages = []
    for size in (512.0, 0.0):
        with pytest.raises(SpectraError) as error:
            audit_classifier(x, label, in_memory_mb=size, **options)
        messages.append(str(error.value))
    assert messages[0] == messages[1] and "X, spectrum 51" in messages[0] and "2 such values in all" in messages[0]


def test_what_is_asked_of_a_subsample_is_said(monkeypatch):
    monkeypatch.setattr(streamed_audit, "LIMITS", StreamLimits(subsample=24))
    in_memory, streamed = both(Recipe(**FEW))
    [told] = [row for row in streamed.content["not_asked"] if "subsample" in row["why"]]
    assert "24 of 40 spectra were drawn (seed 4" in told["why"]
    assert streamed.content["streamed"]["subsample"] == 24
    for key in ("probes", "differences", "random_folds"):
        assert not differences(in_memory.content["variants"][0][key], streamed.content["variants"][0][key])
    assert not differences(in_memory.content["spectra"], streamed.content["spectra"])


def test_units_that_lie_too_far_apart_for_an_exact_leverage_are_said(monkeypatch):
    monkeypatch.setattr(passes, "GATHERED", 8 * 60 * 20)  # twenty sums of sixty channels
    in_memory, streamed = both(Recipe(**FEW | {"replicates": 3}), shuffled=True, bands=False)
    share = streamed.content["streamed"]["units_behind_leverage"]
    assert 0.0 < share < 1.0
    [told] = [row for row in streamed.content["not_asked"] if row["check"] == "leverage of every unit"]
    assert f"estimated from {share:.0%}" in told["why"]
    a, b = (report.content["variants"][0]["probes"]["full"]["balanced_accuracy"] for report in (in_memory, streamed))
    assert abs(a - b) < 0.02  # it moves the borders between classes a little


def test_a_subsample_balances_classes_and_keeps_small_units_whole():
    unit = np.arange(6000) // 6
    design = make_design(np.where(unit % 10 == 0, "rare", "usual"), unit=unit)
    rows = draw_subsample(design, most=1000, seed=3)
    taken = np.bincount(design.unit[rows], minlength=design.n_units)
    assert np.bincount(design.codes[rows]).tolist() == [500, 500] and (np.diff(rows) > 0).all()
    assert np.isin(taken, (0, 6)).sum() >= design.n_units - 2  # the last of each class may be cut
    few = make_design(np.arange(6000) % 2, unit=np.arange(6000) % 8)
    assert (np.bincount(few.unit[draw_subsample(few, most=1000, seed=3)]) == 125).all()
    assert draw_subsample(design, most=6000, seed=0).size == 6000
