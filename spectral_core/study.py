"""The Study: one frozen, validated configuration, read from TOML; unknown keys are refused by name."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from spectral_core.errors import OffbandError, StudyError
from spectral_core.study_fields import ArchivePlace
from spectral_core.study_parts import AuditSettings, Band, Blank, Compute, Part, Quality, Reading, Samples, Tracking

__all__ = [
    "AuditSettings", "Band", "Blank", "Compute", "Quality", "Reading", "Samples", "Study", "Tracking", "load_study",
    "study_from",
]  # fmt: skip


class Study(Part):
    """Everything a run needs to know, validated before any work."""

    name: str = Field(min_length=1)
    """names the study in reports, flow runs and tracking"""
    inbox: Path
    """the folder in which instrument files arrive; they are read, never changed"""
    archive: ArchivePlace
    """the versioned store, made at the first run; the same bytes are stored once. Credentials for `s3://` come from
    the environment ([scale](scale.md))"""
    results: Path
    """where reports go, and the tracking database unless `tracking.uri` says otherwise"""
    intake: Path | None = None
    """only with an archive at `s3://`: the folder of its ledger and quarantine; without it `intake` in `results`"""
    inbox_after: Literal["leave"] | Path = "leave"
    """the folder that a file is renamed into once it, or a file of the same bytes, is archived"""
    inbox_after_refusal: Literal["leave"] | Path = "leave"
    """the folder that a file is renamed into once it is in quarantine; put a repaired one back into the inbox"""
    samples: Samples
    """who is who"""
    reading: Reading
    """what the files do not say"""
    quality: Quality = Quality()
    """what is asked at the door"""
    bands: dict[str, Band] = Field(default={})
    """where the chemistry that separates the classes is known to absorb or emit"""
    blanks: dict[str, Blank] = Field(default={})
    """where these samples carry no chemistry at all"""
    variants: tuple[str, ...] = ("raw",)
    """chains of per-spectrum steps, each computed once and stored; all different"""
    models: tuple[str, ...] = ("ridge",)
    """classifiers, with the fitted steps before them if any; all different"""
    audit: AuditSettings
    """how strict"""
    tracking: Tracking = Tracking()
    """where runs are kept"""
    compute: Compute = Compute()
    """where work is done"""

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
