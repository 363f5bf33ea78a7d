"""The audit's result: verdict, reasons, caveats, checks, and the dictionary behind report.json."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.blank_proposals import propose_blanks
from spectral_core.checks import Check
from spectral_core.evidence import Answer, Settings
from spectral_core.messages import Message
from spectral_core.places import AxisPlaces, Places
from spectral_core.regions import Regions, segments
from spectral_core.splits import Design
from spectral_core.unit_credits import credits_by_unit
from spectral_core.verdict import Case

if TYPE_CHECKING:
    import pandas as pd

    from spectral_core.study import Study

SCHEMA_VERSION = 1
_PACKAGES = ("offband", "numpy", "scipy", "scikit-learn", "xarray", "zarr", "icechunk", "dask", "pybaselines")
_HEADLINES = {
    "artefact": "This accuracy is no evidence of chemistry: what should hold none tells the classes apart as well.",
    "no_signal": "There is no signal: the labels are not distinguishable from shuffled ones.",
    "unexplained": "The association is real, but the declared bands do not explain it.",
    "supported": "The claim was not refuted by these controls: the declared bands carry the accuracy.",
    "inconclusive": "The design or the data cannot tell.",
}


@dataclass(frozen=True)
class VariantReport:
    """One variant's verdict with its reasons, caveats and checks; `case` holds the evidence.

    `judged_by` is "probe", or the name of the model that the verdict speaks of.
    """

    case: Case
    verdict: str
    reasons: tuple[Message, ...]
    caveats: tuple[Message, ...]
    checks: tuple[Check, ...]
    judged_by: str = "probe"

    def to_dict(self) -> dict[str, Any]:
        """Give the variant as plain values."""
        evidence = self.case.evidence
        leakage = evidence.leakage
        return {
            "variant": evidence.variant,
            "verdict": self.verdict,
            "judged_by": self.judged_by,
            "reasons": [reason.to_dict() for reason in self.reasons],
            "caveats": [caveat.to_dict() for caveat in self.caveats],
            "probes": {name: _answer(answer) for name, answer in evidence.answers.items()},
            "random_folds": _accuracy(leakage.random_folds) if leakage else None,
            "differences": {name: found.to_dict() for name, found in evidence.differences.items()},
            "checks": [check.to_dict() for check in self.checks],
            "relevance": evidence.relevance.to_dict() if evidence.relevance else None,
            "telling_scalar": evidence.telling.to_dict(self.case.design.classes) if evidence.telling else None,
        }


@dataclass(frozen=True)
class Subject:
    """What was audited, as the report shows it: design, regions, mean spectra."""

    design: Mapping[str, Any]
    regions: Mapping[str, Any]
    spectra: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        x: npt.NDArray[np.floating],
        axis: npt.NDArray[np.float64],
        design: Design,
        places: AxisPlaces,
        regions: Regions,
    ) -> Subject:
        """Summarise spectra on an axis, design and regions; without a declared blank, propose some."""
        told = _regions(axis, places, regions)
        if not places.blanks:
            free = regions.off_band if places.bands else np.ones(axis.size, dtype=np.bool_)
            told["proposed_blanks"] = [found.to_dict() for found in propose_blanks(x, axis, free=free)]
        return cls(describe_design(design, axis.size), told, describe_spectra(x, axis, design, places))


@dataclass(frozen=True)
class AuditReport:
    """What the audit found.

    `verdict` is one of artefact, no_signal, unexplained, supported, inconclusive; `reasons` and `caveats`
    carry a stable `.code` and a `.message`; `checks` holds each control on each variant. `content` is the
    dictionary that report.json holds.
    """

    verdict: str
    reasons: tuple[Message, ...]
    caveats: tuple[Message, ...]
    checks: tuple[Check, ...]
    content: Mapping[str, Any]

    @property
    def summary(self) -> str:
        """The verdict in a sentence."""
        return str(self.content["summary"])

    def __str__(self) -> str:
        return f"{self.verdict}: {', '.join(reason.code for reason in self.reasons) or 'no reason against it'}"

    def to_dict(self) -> dict[str, Any]:
        """Give the content of report.json."""
        return dict(self.content)

    def to_frame(self) -> pd.DataFrame:
        """Tabulate accuracy, interval and p-values: one row for each variant and probe."""
        import pandas as pd

        rows = [
            {"variant": variant["variant"], "probe": name} | {k: v for k, v in probe.items() if k != "recall"}
            for variant in self.content["variants"]
            for name, probe in variant["probes"].items()
        ]
        return pd.DataFrame(rows)

    def save_json(self, path: str | Path) -> Path:
        """Write report.json."""
        from spectral_core.report import save_json

        return save_json(self.content, path)

    def save_html(self, path: str | Path) -> Path:
        """Write report.html, one self-contained page."""
        from spectral_core.report import save_html

        return save_html(self.content, path)

    def with_content(self, **entries: Any) -> AuditReport:
        """Add or replace entries of the content, such as models or provenance."""
        return replace(self, content={**self.content, **entries})

    def with_study(self, study: Study, snapshot: str, *, intensity_unit: str) -> AuditReport:
        """Add what the study says of bands and blanks, and where the spectra came from."""
        regions = {
            **self.content["regions"],
            "bands": {name: band.model_dump(mode="json") for name, band in study.bands.items()},
            "blanks": {name: blank.model_dump(mode="json") for name, blank in study.blanks.items()},
        }
        provenance = {
            **self.content["provenance"], "study": study.name, "study_digest": study.digest(),
            "archive_snapshot": snapshot,
        }  # fmt: skip
        described = {"name": study.name, "digest": study.digest(), **study.model_dump(
            mode="json", include={"variants", "models", "audit", "bands", "blanks", "reading"})}  # fmt: skip
        return self.with_content(
            regions=regions,
            provenance=provenance,
            archive_snapshot=snapshot,
            study=described,
            spectra={**self.content["spectra"], "intensity_unit": intensity_unit},
        )


def report_on(subject: Subject, settings: Settings, variants: Sequence[VariantReport], verdict: str) -> AuditReport:
    """Put the variants' reports together: reasons of the variants that share the overall verdict."""
    deciding = [v for v in variants if v.verdict == verdict]
    reasons, reason_rows = _gather({v.case.evidence.variant: v.reasons for v in deciding})
    said = {f"{reason.code.removesuffix('_sufficient')}_signal" for reason in reasons}
    beside = {v.case.evidence.variant: tuple(c for c in v.caveats if c.code not in said) for v in variants}
    caveats, caveat_rows = _gather(beside)
    if len({v.verdict for v in variants}) > 1:
        listed = "; ".join(f"{v.case.evidence.variant}: {v.verdict}" for v in variants)
        found = Message("variant_dependent", f"The verdict depends on the preprocessing ({listed}).")
        caveats = (found, *caveats)
        caveat_rows.insert(0, found.to_dict() | {"variants": [v.case.evidence.variant for v in variants]})
    checks = tuple(check for variant in variants for check in variant.checks)
    packages = {name: version(name) for name in _PACKAGES} | {"python": platform.python_version()}
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "offband_version": packages["offband"],
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "verdict": verdict,
        "summary": f"{_HEADLINES[verdict]} {_numbers(deciding[0].case)}",
        "reasons": reason_rows,
        "caveats": caveat_rows,
        "settings": dict(settings.__dict__),
        "design": dict(subject.design),
        "regions": dict(subject.regions),
        "spectra": dict(subject.spectra),
        "variants": [variant.to_dict() for variant in variants],
        "units": credits_by_unit(variants),
        "checks": [check.to_dict() for check in checks],
        "not_asked": [
            {"check": f"{c.code} ({c.variant})", "why": c.finding.removeprefix("Not asked: ")}
            for c in checks if not c.asked
        ],
        "versions": packages,
        "provenance": {"versions": packages},
    }  # fmt: skip
    return AuditReport(verdict, reasons, caveats, checks, content)


def _numbers(case: Case) -> str:
    """Tell the accuracies in a sentence: what the first figure shows."""
    told = {"full": "full spectrum", "bands": "declared bands", "off_band": "off-band", "blank": "blanks"}
    answers = case.evidence.answers
    reached = [f"{name} {answers[key].accuracy.value:.2f}" for key, name in told.items() if key in answers]
    return f"Balanced accuracy on {case.evidence.variant}: {', '.join(reached)}; chance {case.chance:.2f}."


def _gather(found: Mapping[str, tuple[Message, ...]]) -> tuple[tuple[Message, ...], list[dict[str, Any]]]:
    """One row a code: the first variant's sentences, and the variants it holds for."""
    first: dict[str, Message] = {}
    variants: dict[str, list[str]] = {}
    for variant, messages in found.items():
        for message in messages:
            first.setdefault(message.code, message)
            variants.setdefault(message.code, []).append(variant)
    rows: list[dict[str, Any]] = [m.to_dict() | {"variants": variants[m.code]} for m in first.values()]
    return tuple(first.values()), rows


def _answer(answer: Answer) -> dict[str, Any]:
    row = _accuracy(answer.accuracy) | {
        **answer.levels(), "n_channels": answer.n_channels, "rank": answer.rank,
        "recall": dict(answer.recall), "note": answer.note,
    }  # fmt: skip
    if answer.gain_within is not None:
        inside = answer.levels("within")
        row |= {"p_within_batch": inside["p"], "p_within_batch_adjusted": inside["p_adjusted"]}
    return row


def _accuracy(estimate: Any) -> dict[str, Any]:
    return {"balanced_accuracy": estimate.value, "interval": [estimate.low, estimate.high]}


def describe_design(design: Design, n_channels: int) -> dict[str, Any]:
    """Count spectra, units, classes and batches."""
    classes = {
        name: {"spectra": int((design.codes == c).sum()), "units": design.units_per_class[c]}
        for c, name in enumerate(design.classes)
    }
    batches = {
        batch or "not stated": {
            name: int(np.unique(design.unit[(design.codes == c) & (design.batch == b)]).size)
            for c, name in enumerate(design.classes)
        }
        for b, batch in enumerate(design.batches)
        if design.batch_declared
    }
    return {
        "n_spectra": design.n, "n_channels": n_channels, "n_units": design.n_units,
        "unit_declared": design.unit_declared,
        "classes": classes, "batches": batches, "chance": 1 / len(design.classes),
    }  # fmt: skip


def _regions(axis: npt.NDArray[np.float64], places: AxisPlaces, regions: Regions) -> dict[str, Any]:
    off_band = axis[regions.off_band]
    runs = [off_band[run] for run in segments(off_band)] if places.bands and off_band.size else []
    return places.to_dict() | {"off_band": [[float(run[0]), float(run[-1])] for run in runs]}


def describe_spectra(
    x: npt.NDArray[np.floating], axis: npt.NDArray[np.float64], design: Design, places: Places
) -> dict[str, Any]:
    """Give mean and standard deviation of each class."""

    def per_class(function: Any) -> dict[str, list[float]]:
        return {
            name: [float(f"{v:.6g}") for v in function(x[design.codes == c].astype(np.float64), axis=0)]
            for c, name in enumerate(design.classes)
        }

    return {
        "axis": [float(f"{v:.8g}") for v in axis],
        "axis_unit": places.axis_unit,
        "intensity_unit": "",
        "mean": per_class(np.mean),
        "sd": per_class(np.std),
    }
