"""The page of a report: every number of the dictionary is on it, nothing in it can do harm, and it loads nothing."""

from __future__ import annotations

import copy
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


def coffee_report(n_variants: int = 1) -> dict[str, Any]:
    """A report on the brewed coffees; spectra are real, accuracies are merely input."""
    X, y = load_coffee()
    spectra, labels = np.asarray(X), np.asarray(y["labels"])
    axis = 450 + 1.928 * np.arange(spectra.shape[1])
    names = VARIANTS[:n_variants]
    return {
        "schema_version": 1, "offband_version": "0.1.0", "created_at": "2026-11-22T14:30:00+00:00",
        "verdict": "artefact",
        "summary": "Regions declared to hold no chemistry tell the three countries apart as well as the whole "
                   "spectrum does (1.00 against 1.00).",
        "reasons": [{"code": "blank_sufficient", "message": BLANK_MESSAGE, "variants": list(names)}],
        "caveats": [
            {"code": "off_band_signal", "message": "Off-band channels reach 0.97 (chance 0.33).", "variants": list(names)},
            {"code": "preprocessing_carried", "message": "Preprocessing before cropping raises off-band from 0.967 to "
             "0.976.", "variants": [names[-1]]},
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
