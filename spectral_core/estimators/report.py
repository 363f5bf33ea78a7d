"""What the report holds of models: one row each, whose verdict counts, and the audited estimator in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spectral_core.audit_report import VariantReport
from spectral_core.estimators.association import CORRECTION
from spectral_core.estimators.examine import AuditedModel
from spectral_core.messages import signed
from spectral_core.verdict import overall

Audited = Sequence[tuple[AuditedModel, VariantReport]]


def speaking_for(probe: VariantReport, audited: Audited) -> VariantReport:
    """Choose whose verdict a variant has: the worst of the models that decide, else the probe's."""
    variant = probe.case.evidence.variant
    deciding = [found for model, found in audited if model.decides and found.case.evidence.variant == variant]
    if not deciding:
        return probe
    worst = overall([found.verdict for found in deciding])
    return next(found for found in deciding if found.verdict == worst)


def models_content(probes: Sequence[VariantReport], audited: Audited) -> dict[str, Any]:
    """Give the entries of the report's content that speak of models.

    Returns:
        `judged_by` "model" where a model speaks for some variant, else "probe"; `judged_by_why` in words;
        `models`, one row for each model and variant; `probe`, the probe's own findings a variant; and
        `estimator` where the audit was asked about one.
    """
    deciding = [model for model, _ in audited if model.decides]
    content: dict[str, Any] = {
        "judged_by": "model" if deciding else "probe",
        "judged_by_why": " ".join(map(_named, deciding)) if deciding else _probe_speaks([m for m, _ in audited]),
        "models": [_row(model, found) for model, found in audited],
        "probe": [probe.to_dict() for probe in probes],
    }
    asked = [(model, found) for model, found in audited if model.contender.decides_always]
    return content | {"estimator": _estimator(*asked[0], probes[0])} if asked else content


def verdict_on(content: Mapping[str, Any], *, model: str, variant: str) -> tuple[str, tuple[str, ...]]:
    """Say what an audit found of one model on one variant.

    The verdict is the model's own where the audit spoke of it, or found it at chance. Where the probe speaks for it,
    because the model is not more accurate by more than delta, it is the worse of the two; what only too few labelings
    leave `inconclusive` of the model the probe decides.

    Args:
        content: The content of report.json.
        model: The model's text.
        variant: The variant's text.

    Returns:
        The verdict and the codes of its reasons.

    Raises:
        KeyError: The audit did not judge this model on this variant.
    """
    rows = [row for row in content.get("models", ()) if (row["model"], row["variant"]) == (model, variant)]
    if not rows:
        raise KeyError(f"{model} on {variant}")
    own = rows[0]["verdict"], tuple(rows[0]["reasons"])
    if rows[0]["decides"] or own[0] == "no_signal":
        return own
    probe = next(found for found in content["probe"] if found["variant"] == variant)
    spoken = probe["verdict"], tuple(reason["code"] for reason in probe["reasons"])
    if own[0] == "inconclusive" and rows[0]["not_settled"]:
        return spoken
    return own if overall([own[0], spoken[0]]) == own[0] else spoken


def _named(model: AuditedModel) -> str:
    return f"{model.case.evidence.variant}: {model.why}"


def _probe_speaks(models: Sequence[AuditedModel]) -> str:
    if len(models) == 1:
        return _named(models[0])
    leads = sorted(model.lead.value for model in models)
    return (
        "No model is more accurate than the probe by more than delta on any variant "
        f"({signed(leads[0])} to {signed(leads[-1])} balanced accuracy against it), so the probe speaks for them."
    )


def _row(model: AuditedModel, found: VariantReport) -> dict[str, Any]:
    return {
        "variant": found.case.evidence.variant,
        "model": model.contender.name,
        "judged_by": model.judged_by,
        "verdict": found.verdict,
        "reasons": [reason.code for reason in found.reasons],
        "not_settled": {n: dict(a.missing) for n, a in found.case.evidence.answers.items() if a.missing},
        "permutations": _permutations(model),
        "decides": model.decides,
        "lead": model.lead.to_dict(),
        "differences": {name: d.to_dict() for name, d in found.case.evidence.differences.items()},
        "metrics": dict(model.metrics),
        **_trained_on(model),
    }


def _trained_on(model: AuditedModel) -> dict[str, str]:
    """Say what training learned from, where it was not all spectra."""
    trained = model.contender.trained.get(model.case.evidence.variant)
    return {"trained_on": str(trained.subsample)} if trained is not None and trained.subsample is not None else {}


def _permutations(model: AuditedModel) -> dict[str, int]:
    """Labelings behind each of the model's own p-values, by claim; those of training included."""
    trained = model.contender.trained.get(model.case.evidence.variant)
    return ({"full": trained.permutations} if trained else {}) | {c: test.drawn for c, test in model.tests.items()}


def _estimator(model: AuditedModel, found: VariantReport, probe: VariantReport) -> dict[str, Any]:
    full = found.case.full
    return {
        "name": model.contender.name,
        "came_fitted": model.contender.came_fitted,
        "balanced_accuracy": full.accuracy.value,
        "interval": [full.accuracy.low, full.accuracy.high],
        "lead_over_probe": model.lead.to_dict(),
        "probe_verdict": probe.verdict,
        "probe_balanced_accuracy": probe.case.full.accuracy.value,
        "tests": {claim: test.to_dict() for claim, test in model.tests.items()},
        "correction": CORRECTION,
        "band_permutation": [loss.to_dict() for loss in model.region_losses],
    }
