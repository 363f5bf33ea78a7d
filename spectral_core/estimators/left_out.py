"""A model on whole batches left out of its training, with refits under labels permuted inside batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spectral_core.controls.batch import LeftOut, batch_folds_apart
from spectral_core.estimators.refit import Refits
from spectral_core.estimators.sequential import SequentialTest, sequential_test
from spectral_core.evidence import fewest_for
from spectral_core.inference import Floats, balanced_mean
from spectral_core.splits import Codes
from spectral_core.verdict import Case


def refit_left_out(
    refits: Refits, x: Floats, probe: Case, left_out: LeftOut, labelings: Codes, budget: int
) -> tuple[LeftOut, SequentialTest]:
    """Train on all other batches and classify the one left out; the same folds as the probe's.

    Args:
        refits: The estimator.
        x: n × d intensities.
        probe: The probe's case.
        left_out: What the probe reached on batches left out.
        labelings: n × (1 + P) class codes, observed first, the others permuted inside batches.
        budget: Labelings under which the estimator is refitted at most.
    """
    design, settings = probe.design, probe.settings
    held, judged = batch_folds_apart(design, settings)
    every = set(range(len(design.classes)))
    usable = [i for i, fold in enumerate(held) if set(np.delete(design.codes, fold).tolist()) == every]
    held, judged = [held[i] for i in usable], [judged[i] for i in usable]
    rows = np.sort(np.concatenate(judged))
    part = design.subset(rows)

    def classify(codes: Codes) -> tuple[float, float]:
        found = refits.held_out(x, codes, held, judged=judged, where="batches left out")
        return replace(found, predicted=found.predicted[rows], margin=found.margin[rows]).accuracy(part, codes[rows])

    def draw(number: int) -> tuple[float, float]:
        accuracy, value = classify(labelings[:, number + 1])
        return value, accuracy

    found = refits.held_out(x, design.codes, held, judged=judged, where="batches left out")
    test = sequential_test(classify(design.codes)[1], draw, most=budget)
    credit = found.credit(design.codes)[rows]
    missing = 0 if test.stopped else max(fewest_for(settings.alpha, 1) - test.drawn, 0)
    accuracy = balanced_mean(part, credit, alpha=settings.alpha)
    return replace(left_out, accuracy=accuracy, p=test.p, missing=missing), test
