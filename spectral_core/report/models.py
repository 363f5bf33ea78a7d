"""The models: whose findings the verdict speaks of, on which path each was judged, and with how many permutations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spectral_core.report.markup import Markup, join, table, tag
from spectral_core.report.typography import ABSENT, bounds, counted, is_number, number, p_value, prose, share, signed
from spectral_core.report.words import FURTHER_PROBES, PROBES, verdict_name

Part = Mapping[str, Any]
_JUDGED_BY = {"probe": "the probe (closed form)", "refits": "refitting the model itself",
              "predictions": "its own predictions, permutations of the probe"}  # fmt: skip

_HEADS = {
    "balanced_accuracy_unit_folds": "Full", "balanced_accuracy_bands": "Bands",
    "balanced_accuracy_off_band": "Off-band", "balanced_accuracy_blank": "Blanks",
    "balanced_accuracy_guards_left_out": "Without guards",
    "balanced_accuracy_off_band_after": "Off-band, preprocessed before cropping",
    "balanced_accuracy_nuisance": "Nuisance scalars", "balanced_accuracy_random_folds": "Full, random folds",
    "p_association": "p",
}  # fmt: skip


def models_html(report: Part) -> Markup | None:
    """Show every model's figures and the audited estimator's tests; `None` where the probe alone was asked."""
    models: Sequence[Part] = report.get("models") or []
    if not models:
        return None
    why = report.get("judged_by_why")
    return join(
        tag("p", tag("b", "Whose verdict: "), prose(str(why))) if why else None,
        _models_table(models),
        *_subsamples(models),
        _estimator(report["estimator"]) if report.get("estimator") else None,
    )


def judge_html(variant: Part, report: Part) -> Markup | None:
    """Say in a sentence who judged a variant, and how often labels were shuffled; `None` where it is not known."""
    who = variant.get("judged_by")
    if not who:
        return None
    if who == "probe":
        n = (report.get("settings") or {}).get("n_permutations")
        shuffled = f", {counted(n, 'permutation')} of the labels behind each p-value" if is_number(n) else ""
        return tag("p", f"Judged by the probe, in closed form{shuffled}.", class_="quiet")
    named: list[Part] = [m for m in report.get("models") or [] if m.get("model") == who]
    row = next((m for m in named if m.get("variant") == variant.get("variant")), {})
    how = _JUDGED_BY.get(str(row.get("judged_by")), "")
    told = f"Judged by {who}" + (f" ({how})" if how else "")
    return tag("p", f"{told}; see ", tag("a", "Models", href="#models"), ".", class_="quiet")


def _models_table(models: Sequence[Part]) -> Markup:
    every = dict.fromkeys(key for model in models for key in model.get("metrics") or {})
    metrics = [key for key in every if not key.startswith(("recall_", "fit_"))]  # those are in MLflow
    judged = {(_JUDGED_BY.get(str(m.get("judged_by")), ""), _permutations(m)) for m in models}
    alike = len(judged) == 1 and all(min(judged))
    rows = [
        [join(str(m.get("model", "")), tag("span", " ◂ speaks", class_="decides-note") if m.get("decides") else None),
         tag("code", str(m.get("variant", ""))),
         *([] if alike else [_JUDGED_BY.get(str(m.get("judged_by")), ABSENT)]),
         _model_verdict(m), *([] if alike else [_permutations(m)]),
         signed((m.get("lead") or {}).get("estimate")),
         *[_metric(key, (m.get("metrics") or {}).get(key)) for key in metrics]]
        for m in models
    ]  # fmt: skip
    head = ["Model", "Variant", *([] if alike else ["Judged by"]), "Verdict", *([] if alike else ["Permutations"]),
            "Lead over the probe", *[_HEADS.get(key, _breakable(key)) for key in metrics]]  # fmt: skip
    said = "Balanced accuracy of the models, with units kept together unless the heading says otherwise"
    how, drawn = min(judged)
    told = f"Each model was judged by {how}; its own p-values rest on {drawn} permutations: few make no small p."
    return join(tag("p", told, class_="quiet") if alike else None,
                table(head, rows, caption=said, numeric_from=3 if alike else 4))  # fmt: skip


def _subsamples(models: Sequence[Part]) -> list[Markup]:
    """Say of which models something rests on a subsample, one sentence for each that was drawn."""
    drawn: dict[str, list[str]] = {}
    for model in models:
        if model.get("trained_on"):
            drawn.setdefault(str(model["trained_on"]), []).append(f"{model.get('model')} on {model.get('variant')}")
    return [tag("p", f"{', '.join(named)}: {said}.", class_="quiet") for said, named in drawn.items()]


def _permutations(model: Part) -> str:
    """The fewest and the most labelings behind one of the model's own p-values."""
    drawn = [n for n in (model.get("permutations") or {}).values() if is_number(n)]
    if not drawn:
        return ABSENT
    return number(max(drawn)) if min(drawn) == max(drawn) else f"{number(min(drawn))}–{number(max(drawn))}"


def _model_verdict(model: Part) -> str:
    if not model.get("verdict"):
        return ABSENT
    codes = ", ".join(model.get("reasons") or [])
    return verdict_name(model["verdict"]) + (f" ({codes})" if codes else "")


def _breakable(name: str) -> Markup:
    first, *rest = name.split("_")
    return tag("code", first, *[part for word in rest for part in ("_", tag("wbr"), word)])


def _metric(key: str, value: object) -> str:
    return p_value(value) if key == "p" or key.startswith("p_") else share(value, digits=3)


def _estimator(found: Part) -> Markup:
    """The audited estimator: beside the probe, its own tests, and what it loses when a region is exchanged."""
    own, probe = (share(found.get(key), digits=3) for key in ("balanced_accuracy", "probe_balanced_accuracy"))
    said = (
        f"{found.get('name', 'The estimator')} reaches {own} {bounds(found.get('interval'), digits=3)}, "
        f"the probe {probe}. The probe's own verdict is {verdict_name(found.get('probe_verdict'))}."
    )
    return join(
        tag("h3", "The audited estimator"),
        tag("p", said),
        _tests_table(found.get("tests") or {}),
        tag("p", prose(str(found["correction"])), class_="quiet") if found.get("correction") else None,
        _losses_table(found.get("band_permutation") or []),
    )


def _tests_table(tests: Mapping[str, Part]) -> Markup | None:
    if not tests:
        return tag("p", "It was not refitted under permuted labels; every p-value is the probe's.", class_="quiet")
    rows = [
        [_claim(claim), p_value(test.get("p")), number(test.get("permutations")), number(test.get("exceedances")),
         "yes" if test.get("stopped") else "no"]
        for claim, test in tests.items()
    ]  # fmt: skip
    head = ["Refitted on", "p", "Permutations", "Of these as accurate", "Stopped early"]
    said = (
        "Stopped early: enough shuffled labels did as well to know that the p-value is large (Besag & Clifford, 1991)."
    )
    return join(table(head, rows, caption="Sequential permutation tests of the estimator itself"),
                tag("p", said, class_="quiet"))  # fmt: skip


def _claim(claim: str) -> str:
    block, _, rest = claim.partition(" ")
    return f"{ {**PROBES, **FURTHER_PROBES}.get(block, block) } {rest}".strip()


def _losses_table(losses: Sequence[Part]) -> Markup | None:
    if not losses:
        return None
    rows = [
        [str(row.get("region", "")), number(row.get("n_channels")), signed(row.get("loss")),
         share(row.get("sd"), digits=3)]
        for row in losses
    ]  # fmt: skip
    said = (
        "Each held-out spectrum gets the region of another unit; the estimator is not refitted. No verdict rests on it."
    )
    return join(table(["Region", "Channels", "Loss of balanced accuracy", "Sd over exchanges"], rows,
                      caption="What the estimator loses when a region is exchanged"),
                tag("p", said, class_="quiet"))  # fmt: skip
