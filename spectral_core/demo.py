"""The demo's inbox: sixty real spectra of brewed coffee, written as an instrument would have left them.

The spectra come with the package chemotools: ATR-FTIR of coffee brewed from beans of three countries, twenty each.
The set ships neither an axis nor specimens. The axis, 450 + 1.928 · channel cm⁻¹, was recovered from five known
features (water bend 1,637, C=O 1,743, CH₂ 2,853 and 2,924, OH 3,390 cm⁻¹) and fits them within a few cm⁻¹. That
every spectrum is a specimen of its own is an assumption; the sheet says so in every row.
"""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spectral_core.errors import StudyError, offenders

AXIS_START, AXIS_STEP = 450.0, 1.928

NOTES = (
    "60 ATR-FTIR spectra of brewed coffee from three countries, as shipped with the package chemotools.",
    "The set ships no axis: 450 + 1.928 · channel cm⁻¹ was recovered from five known features.",
    "It ships no specimens: that each spectrum is a specimen of its own is an assumption.",
)


@dataclass(frozen=True)
class DemoInbox:
    """What the demo wrote: `written` files are new or were repaired, `kept` ones were there already."""

    study_file: Path
    written: int
    kept: int


def example_study() -> str:
    """Give the commented example study, which is the demo's, as TOML text."""
    return files("spectral_core").joinpath("example_study.toml").read_text(encoding="utf-8")


def write_demo(folder: Path) -> DemoInbox:
    """Write the demo's spectra, sheet and study into a folder; what is there already is left alone.

    A study file that was edited since is kept as it is.

    Args:
        folder: Made if missing. `folder/inbox` gets 60 text files and `samples.csv`, `folder` the `study.toml`.

    Raises:
        StudyError: The folder is a file, or holds files of something other than the demo.
    """
    content = _inbox_files()
    study_file = folder / "study.toml"
    _refuse_foreign(folder, content)
    changed = [_write_if_different(folder / "inbox" / name, text) for name, text in content.items()]
    if not study_file.exists():
        _write_if_different(study_file, example_study())
    return DemoInbox(study_file, written=sum(changed), kept=len(changed) - sum(changed))


def _refuse_foreign(folder: Path, content: dict[str, str]) -> None:
    if folder.exists() and not folder.is_dir():
        raise StudyError(str(folder), "a folder for the demo", "a file", "Name another folder.")
    inbox = folder / "inbox"
    there = {path.name for path in inbox.iterdir()} if inbox.is_dir() else set()
    foreign = sorted(name for name in there - content.keys() if not name.startswith("."))
    if not foreign and (folder / "study.toml").exists() and "samples.csv" not in there:
        foreign = ["study.toml"]
    if foreign:
        raise StudyError(str(folder), "an empty folder or an earlier demo", offenders(foreign), "Name another folder.")


def _inbox_files() -> dict[str, str]:
    from chemotools.datasets import load_coffee

    spectra, labels = load_coffee()
    countries = [str(country) for country in labels["labels"]]
    rows = np.asarray(spectra, dtype=np.float32)
    names = [f"coffee_{number:02d}.txt" for number in range(1, len(rows) + 1)]
    texts = [_instrument_text(row, number, len(rows)) for number, row in enumerate(rows, start=1)]
    return {**dict(zip(names, texts, strict=True)), "samples.csv": _sheet(names, countries)}


def _instrument_text(intensity: npt.NDArray[np.float32], number: int, total: int) -> str:
    header = (
        f"Title;Brewed coffee, spectrum {number} of {total}",
        "Technique;ATR-FTIR",
        "Origin;chemotools.datasets.load_coffee()",
        "Axis;recovered from five known features, the set ships none",
        "Wavenumber (cm-1);Absorbance",
    )
    axis = AXIS_START + AXIS_STEP * np.arange(intensity.size)
    # nine significant digits give every float32 back
    lines = [f"{position:.3f};{value:.9g}" for position, value in zip(axis, intensity, strict=True)]
    return "\n".join([*header, *lines]) + "\n"


def _sheet(names: list[str], countries: list[str]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["file", "country", "specimen"])
    writer.writerows(
        (name, country, f"assumed-{number:02d}")
        for number, (name, country) in enumerate(zip(names, countries, strict=True), start=1)
    )
    return out.getvalue()


def _write_if_different(path: Path, text: str) -> bool:
    data = text.encode("utf-8")
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(data)
    aside.replace(path)
    return True
