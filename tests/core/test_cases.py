"""Real sets, each with what is honestly known of it: the verdicts that docs/cases.md explains."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from spectral_core import audit_classifier

SETS = Path(__file__).parents[3] / "shared" / "data" / "sets"
COFFEE_BANDS = {"CH2 stretch": (2830, 2980), "ester C=O": (1700, 1780), "fingerprint": (900, 1500)}
COFFEE_BLANKS = {"silent": (2450, 2600), "edge": (3800, 3985)}


def read(name):
    folder = SETS / name
    if not folder.is_dir():
        pytest.skip(f"the set {name} is not beside the project")
    with (folder / "tidy_meta.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with np.load(folder / ("tidy_eem.npz" if name == "eem_applejuice" else "tidy_spectra.npz")) as stored:
        return {key: stored[key] for key in stored.files}, {key: [row[key] for row in rows] for key in rows[0]}


def judged(x, labels, axis, unit_of_axis, **declared):
    return audit_classifier(x, labels, axis=axis, axis_unit=unit_of_axis, seed=1, **declared)


def codes(report):
    return {reason.code for reason in report.reasons}


@pytest.mark.parametrize("variant", ["raw", "snv"])
def test_brewed_coffee_is_told_apart_by_how_it_was_measured(variant):
    from chemotools.datasets import load_coffee

    spectra, labels = load_coffee()
    report = judged(spectra.to_numpy(), labels["labels"].to_numpy(), 450 + 1.928 * np.arange(1841), "cm-1",
                    bands=COFFEE_BANDS, blank=COFFEE_BLANKS, unit=np.arange(60), preprocess=variant)  # fmt: skip
    assert report.verdict == "artefact" and "nuisance_sufficient" in codes(report)


def test_fruit_purees_are_told_apart_by_the_whole_fingerprint():
    data, meta = read("quadram_purees_ftir")
    report = judged(data["X"], meta["label"], data["axis"], "cm-1", bands={"sugar C–O": (980, 1180)})
    assert report.verdict == "unexplained"
    assert codes(report) == {"off_band_sufficient", "bands_not_privileged"}


def test_instant_coffee_species_differ_far_beyond_caffeine_and_chlorogenic_acids():
    data, meta = read("quadram_coffee_drift")
    report = judged(data["X"], meta["label"], data["axis"], "cm-1", unit=meta["sample"],
                    bands={"caffeine C=O": (1640, 1680), "chlorogenic acids C–O–C": (1150, 1300)})  # fmt: skip
    assert report.verdict == "unexplained"


@pytest.mark.slow
def test_fifty_repeats_of_one_milk_are_one_specimen():
    data, meta = read("nirpy_milk")
    x, labels = data["X"], meta["label"]
    declared = judged(x, labels, np.arange(x.shape[1]), "channel", unit=labels, n_permutations=99)
    assert declared.verdict == "inconclusive" and codes(declared) == {"too_few_units"}
    undeclared = judged(x, labels, np.arange(x.shape[1]), "channel", n_permutations=99)
    assert undeclared.verdict == "inconclusive" and "unit_undeclared" in codes(undeclared)


def test_reference_materials_on_five_spectrometers_know_the_instrument():
    data, meta = read("ramanchada2_multiinstr")
    kept = np.array([label != "Sil" for label in meta["label"]])  # four spectra: too few for a class
    labels, batch = (np.array(meta[key])[kept] for key in ("label", "instrument"))
    report = judged(data["X"][kept], labels, data["axis"], "cm-1", batch=batch, n_permutations=499)
    assert report.verdict in {"inconclusive", "artefact"}
    assert "batch_predictable" in {caveat.code for caveat in report.caveats}


def test_apple_juices_leave_too_few_units_for_more_than_a_warning():
    data, meta = read("eem_applejuice")
    emission, excitation = data["emission_nm"], data["excitation_nm"]
    physical = emission[:, None] > excitation[None, :] + 10
    x = np.nan_to_num(data["X"].reshape(len(data["X"]), -1)[:, physical.ravel()])
    report = judged(x, meta["label"], np.arange(x.shape[1]), "channel", unit=meta["unit"], n_permutations=499)
    assert report.verdict == "inconclusive"
