"""The Study: one frozen, validated configuration, read from TOML; unknown keys are refused by name."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from spectral_core.errors import OffbandError, StudyError
from spectral_core.spectra import canonical_axis_unit
from spectral_core.study_fields import ArchivePlace, Interval


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Samples(_Part):
    """Where labels come from: a sample sheet, or a named-group pattern on the file name; never both.

    `label`, `unit`, `batch` … name columns of the sheet (or groups of the pattern).
    """

    sheet: Path | None = None
    pattern: str | None = None
    file: str = "file"
    label: str = "label"
    unit: str | None = None
    batch: str | None = None
    instrument: str | None = None
    acquired_at: str | None = None
    replicate: str | None = None
    columns: tuple[str, ...] = ()
    allow_missing: bool = False

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


class Reading(_Part):
    """What the files do not say themselves; a file that states something else is quarantined."""

    axis_unit: Annotated[str, AfterValidator(canonical_axis_unit)]
    intensity_unit: str = ""


class Quality(_Part):
    """What is asked of a spectrum before it is archived; without a limit it is only measured and noted.

    `axis` "interpolate" takes files of another axis onto the archive's, where every channel of the archive has one
    of the file within `axis_tolerance`, in axis units.
    """

    axis: Literal["exact", "interpolate"] = "exact"
    axis_tolerance: float | None = Field(default=None, gt=0)
    ceiling: float | None = None
    most_saturated: float | None = Field(default=None, ge=0, lt=1)
    most_spikes: int | None = Field(default=None, ge=0)
    most_dead: float | None = Field(default=None, ge=0, lt=1)
    most_negative: float | None = Field(default=None, ge=0, lt=1)
    least_signal_to_noise: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _interpolates_within_a_tolerance(self) -> Self:
        if (self.axis == "interpolate") != (self.axis_tolerance is not None):
            found = "no axis_tolerance" if self.axis_tolerance is None else f"axis_tolerance {self.axis_tolerance:g}"
            expected = 'axis_tolerance exactly where axis is "interpolate"'
            raise ValueError(f"{expected}, found axis {self.axis!r} and {found}")
        return self


class Band(_Part):
    """An interval where the chemistry that separates the classes absorbs or emits."""

    interval: Interval
    assignment: str = Field(min_length=1)


class Blank(_Part):
    """An interval that carries no chemistry of these samples at all."""

    interval: Interval
    reason: str = Field(min_length=1)


class AuditSettings(_Part):
    """The audit's error level, its smallest gain worth having, its number of permutations, and its seed.

    `diagnostics` asks for concentration and growth of separability beside the verdict.
    """

    seed: int = Field(ge=0)
    delta: float = Field(default=0.05, gt=0, lt=0.5)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    permutations: int = Field(default=1999, ge=99)
    model_permutations: int = Field(default=19, ge=0)
    folds: int = Field(default=5, ge=2)
    diagnostics: bool = True


class Tracking(_Part):
    """Where MLflow keeps the runs; by default an sqlite file beside the results.

    `registered_model` names the registered model whose versions are the study's first model on its first variant.
    """

    uri: str | None = None
    experiment: str | None = None
    registered_model: str | None = Field(default=None, pattern=r"^[^/:@'\"]+$")


class Compute(_Part):
    """Where Dask computes: "threads", "processes", or the address of a running scheduler.

    Spectra that take more than `in_memory_mb` as float64 are audited as a stream.
    """

    scheduler: str = Field(default="threads", pattern=r"^(threads|processes|(tcp|tls)://.+)$")
    workers: int | None = Field(default=None, ge=1)
    in_memory_mb: float = Field(default=512.0, gt=0)


class Study(_Part):
    """Everything a run needs to know, validated before any work."""

    name: str = Field(min_length=1)
    inbox: Path
    archive: ArchivePlace
    results: Path
    intake: Path | None = None
    inbox_after: Literal["leave"] | Path = "leave"
    inbox_after_refusal: Literal["leave"] | Path = "leave"
    samples: Samples
    reading: Reading
    quality: Quality = Quality()
    bands: dict[str, Band] = {}
    blanks: dict[str, Blank] = {}
    variants: tuple[str, ...] = ("raw",)
    models: tuple[str, ...] = ("ridge",)
    audit: AuditSettings
    tracking: Tracking = Tracking()
    compute: Compute = Compute()

    @model_validator(mode="after")
    def _bands_and_blanks_are_apart(self) -> Self:
        for blank_name, blank in self.blanks.items():
            for band_name, band in self.bands.items():
                if blank.interval[0] <= band.interval[1] and band.interval[0] <= blank.interval[1]:
                    raise ValueError(
                        f"blanks without declared chemistry, found blank {blank_name!r} overlapping band {band_name!r}"
                    )
        return self

    @model_validator(mode="after")
    def _a_folder_keeps_its_own_ledger(self) -> Self:
        if self.intake is not None and isinstance(self.archive, Path):
            raise ValueError(f"intake only with an archive on object storage, found archive {self.archive}")
        return self

    @model_validator(mode="after")
    def _chains_parse(self) -> Self:
        # here, because scikit-learn and scipy take long to import for those who only name the type
        from spectral_core.models import parse_model
        from spectral_core.preprocessing import parse_variant

        for name, texts, parse in (
            ("variants", self.variants, parse_variant),
            ("models", self.models, parse_model),
        ):
            if not texts or len(set(texts)) != len(texts):
                raise ValueError(f"{name} as a list of one or more different chains, found {list(texts)}")
            for text in texts:
                parse(text)
        return self

    def destinations(self) -> dict[str, Path]:
        """Map `inbox_after` and `inbox_after_refusal` to their folders, where files are moved at all."""
        kept = {"inbox_after": self.inbox_after, "inbox_after_refusal": self.inbox_after_refusal}
        return {key: folder for key, folder in kept.items() if isinstance(folder, Path)}

    @property
    def intake_folder(self) -> Path:
        """Where ledger and quarantine lie, on this machine: the archive, or beside the results if it is elsewhere."""
        if isinstance(self.archive, Path):
            return self.archive
        return self.intake or self.results / "intake"

    @property
    def tracking_uri(self) -> str:
        """The MLflow tracking URI, absolute."""
        return self.tracking.uri or f"sqlite:///{self.results / 'mlflow.db'}"

    @property
    def experiment(self) -> str:
        """The MLflow experiment's name."""
        return self.tracking.experiment or self.name

    def band_intervals(self) -> dict[str, tuple[float, float]]:
        """Band name to (low, high) in axis units."""
        return {name: band.interval for name, band in self.bands.items()}

    def blank_intervals(self) -> dict[str, tuple[float, float]]:
        """Blank name to (low, high) in axis units."""
        return {name: blank.interval for name, blank in self.blanks.items()}

    def digest(self) -> str:
        """Short hash of what decides the result: everything but the places where things are kept."""
        places = {"inbox", "archive", "intake", "results", "tracking", "compute", "inbox_after", "inbox_after_refusal"}
        content = self.model_dump(mode="json", exclude=places | ({"quality"} if self.quality == Quality() else set()))
        content["samples"].pop("sheet", None)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def load_study(path: Path) -> Study:
    """Read a study file; relative paths in it are relative to the file.

    Raises:
        StudyError: The file is missing or no TOML, a key is unknown or missing, or a value is out of
            range; the message names the key.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(str(path), "a study file", "no such file", "Check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(str(path), "a readable text file", str(error), "Check the file.") from None
    except tomllib.TOMLDecodeError as error:
        raise StudyError(str(path), "TOML", str(error), "Correct the line.") from None
    return study_from(content, where=path)


def study_from(content: dict[str, Any], *, where: Path) -> Study:
    """Validate a study's content; `where` is the file it came from and anchors relative paths."""
    try:
        study = Study.model_validate(content)
    except ValidationError as error:
        raise _as_study_error(error, where) from None
    except OffbandError as error:
        raise StudyError(f"{where}: {error.where}", error.expected, error.found, error.remedy) from None
    base = where.resolve().parent
    samples = study.samples
    if samples.sheet is not None:
        samples = samples.model_copy(update={"sheet": base / samples.sheet})
    names = ("inbox", "archive", "results", "intake", "inbox_after", "inbox_after_refusal")
    places = {name: base / place for name in names if isinstance(place := getattr(study, name), Path)}
    return study.model_copy(update={**places, "samples": samples})


def _as_study_error(error: ValidationError, where: Path) -> StudyError:
    # a misspelt key is also a missing one: name the misspelling
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"]) or "study"
    place = f"{where}, key {key}"
    if first["type"] == "extra_forbidden":
        parent = _model_at(first["loc"][:-1])
        known = ", ".join(parent.model_fields) if parent else "the documented keys"
        return StudyError(place, f"one of {known}", "an unknown key", "Correct or remove it.")
    if first["type"] == "missing":
        return StudyError(place, "a value", "nothing", "Add the key.")
    message = str(first["msg"]).removeprefix("Value error, ")
    expected, _, found = message.partition(", found ")
    return StudyError(place, expected[:1].lower() + expected[1:], found or repr(first["input"]), "Correct the value.")


def _model_at(loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    parts: dict[str, type[BaseModel]] = {
        "samples": Samples, "reading": Reading, "quality": Quality, "bands": Band, "blanks": Blank,
        "audit": AuditSettings, "tracking": Tracking, "compute": Compute,
    }  # fmt: skip
    return parts.get(str(loc[0])) if loc else Study
