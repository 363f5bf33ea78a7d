"""The sections of a study file; the text below a key is its meaning, in the JSON schema and in docs/study.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from spectral_core.spectra import canonical_axis_unit
from spectral_core.study_fields import UNIT, WORDED, Interval, Regex


class Part(BaseModel):
    """A table of the study file: frozen, and without keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, use_attribute_docstrings=True)


class Samples(Part):
    """Where labels come from: a sample sheet, or a named-group pattern on the file name; never both.

    `label`, `unit`, `batch` … name columns of the sheet (or groups of the pattern).
    """

    sheet: Path | None = None
    """the sample sheet; not together with `samples.pattern`"""
    pattern: Regex | None = None
    r"""for instance `(?P<label>[A-Z]+)_(?P<culture>\d+)\.txt`; has a group for every column asked for"""
    file: str = "file"
    """the sheet's column with the file name"""
    label: str = "label"
    """the class to be told apart"""
    unit: str | None = None
    """the specimen, patient, culture or object: what is independent. Its replicates never straddle a fold. Without it
    nothing can be `supported`"""
    batch: str | None = None
    """session, day, plate, operator: what can shift spectra without chemistry"""
    instrument: str | None = None
    """the instrument of each spectrum"""
    acquired_at: str | None = None
    """when each spectrum was taken"""
    replicate: str | None = None
    """which repeat of its unit a spectrum is"""
    columns: tuple[str, ...] = ()
    """further columns to keep beside the spectra"""
    allow_missing: bool = False
    """whether a file that the sheet does not name is archived without a label; `false` is an error that names the
    file"""

    @model_validator(mode="after")
    def _pattern_names_the_columns(self) -> Self:
        if self.sheet is not None and self.pattern is not None:
            raise ValueError("either sheet or pattern, found both")
        if self.pattern is not None:
            try:
                groups = set(re.compile(self.pattern).groupindex)
            except re.error as error:
                raise ValueError(f"pattern as a regular expression, found {self.pattern!r} ({error})") from None
            missing = [name for name in self.wanted() if name not in groups]
            if missing:
                raise ValueError(f"pattern with the named groups {missing}, found groups {sorted(groups)}")
        return self

    def wanted(self) -> tuple[str, ...]:
        """Columns that the study asks for, the label first."""
        named = (self.label, self.unit, self.batch, self.instrument, self.acquired_at, self.replicate)
        return tuple(dict.fromkeys([*(n for n in named if n is not None), *self.columns]))

    def roles(self) -> dict[str, str]:
        """Map each metadata column of the Spectra contract to the sheet's column that fills it."""
        roles = ("label", "unit", "batch", "instrument", "acquired_at", "replicate")
        return {role: name for role in roles if (name := getattr(self, role)) is not None}


class Reading(Part):
    """What the files do not say themselves; a file that states something else is quarantined."""

    axis_unit: Annotated[str, AfterValidator(canonical_axis_unit)]
    """`"cm-1"`, `"nm"`, `"um"`, `"eV"`, `"m/z"`, `"THz"`, `"ppm"` or `"channel"`; a file that states another goes to
    quarantine"""
    intensity_unit: str = ""
    """the quantity measured, such as `"absorbance"` or `"counts"`; `""` is not stated"""


class Quality(Part):
    """What is asked of a spectrum before it is archived; without a limit it is only measured and noted."""

    axis: Literal["exact", "interpolate"] = "exact"
    """whether a file on another axis than the archive's is refused, or interpolated onto it"""
    axis_tolerance: float | None = Field(default=None, gt=0, json_schema_extra={UNIT: "axis units"})
    """with `"interpolate"`, and only with it: how far each channel of the archive may be from the nearest of the file;
    what is farther is refused"""
    ceiling: float | None = None
    """the largest intensity that the detector gives; without it a plateau of three channels at a spectrum's own
    largest value counts as one"""
    most_saturated: float | None = Field(default=None, ge=0, lt=1)
    """the largest share of channels at the ceiling"""
    most_spikes: int | None = Field(default=None, ge=0)
    """the most channels in spikes"""
    most_dead: float | None = Field(default=None, ge=0, lt=1)
    """the largest share of dead channels"""
    most_negative: float | None = Field(default=None, ge=0, lt=1)
    """the largest share of negative intensities, where the quantity has none"""
    least_signal_to_noise: float | None = Field(default=None, gt=0)
    """the smallest signal-to-noise ratio"""

    @model_validator(mode="after")
    def _interpolates_within_a_tolerance(self) -> Self:
        if (self.axis == "interpolate") != (self.axis_tolerance is not None):
            found = "no axis_tolerance" if self.axis_tolerance is None else f"axis_tolerance {self.axis_tolerance:g}"
            expected = 'axis_tolerance exactly where axis is "interpolate"'
            raise ValueError(f"{expected}, found axis {self.axis!r} and {found}")
        return self


class Band(Part):
    """An interval where the chemistry that separates the classes absorbs or emits."""

    interval: Interval
    """`[low, high]` in axis units, both ends included, inside the axis"""
    assignment: str = Field(min_length=1)
    """which vibration, transition or substance; printed in the report"""


class Blank(Part):
    """An interval that carries no chemistry of these samples at all."""

    interval: Interval
    """`[low, high]` in axis units"""
    reason: str = Field(min_length=1)
    """why nothing of these samples absorbs there; printed in the report"""


class AuditSettings(Part):
    """The audit's error level, its smallest gain worth having, its number of permutations, and its seed."""

    seed: int = Field(ge=0)
    """every random choice follows from it"""
    delta: float = Field(default=0.05, gt=0, lt=0.5)
    """the smallest gain in balanced accuracy worth having"""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """the error level of every test, after correction for their number"""
    permutations: int = Field(default=1999, ge=99)
    """shuffles of the labels behind each p-value"""
    model_permutations: int = Field(default=19, ge=0)
    """shuffles behind the p-value of each trained model, refitted for each. A model that beats the probe by more than
    delta, so that the verdict speaks of it, is refitted as often as its tests need (199, more for many models or a
    small alpha), unless this is 0; for the others the permutations are the probe's, and the report says so"""
    folds: int = Field(default=5, ge=2)
    """folds of the cross-validation"""
    diagnostics: bool = True
    """whether the report also explains why the classes separate: concentration of measure, growth with the number of
    channels"""


class Tracking(Part):
    """Where MLflow keeps the runs."""

    uri: str | None = None
    """an MLflow tracking URI; without it an sqlite file in `results`"""
    experiment: str | None = None
    """the MLflow experiment; without it the study's name"""
    registered_model: str | None = Field(
        default=None, pattern=r"^[^/:@'\"]+$", json_schema_extra={WORDED: "text without `/ : @` and quotes"}
    )
    """register the first of `models` on the first of `variants` under this name; its version has the alias `audited`
    only while its verdict is `supported` ([mlflow](mlflow.md))"""


class Compute(Part):
    """Where Dask computes, and how much is held in memory."""

    scheduler: str = Field(default="threads", pattern=r"^(threads|processes|(tcp|tls)://.+)$")
    """`"threads"`, `"processes"` (for baselines), or the address of a running Dask scheduler, `tcp://…` or `tls://…`"""
    workers: int | None = Field(default=None, ge=1)
    """workers; without it one a core"""
    in_memory_mb: float = Field(default=512.0, gt=0)
    """spectra that take more than this as float64 are audited a block of rows at a time, in a bounded number of
    passes; the report says what was then asked of a subsample"""
