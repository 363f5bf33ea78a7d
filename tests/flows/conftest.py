"""Small studies on real files, and the command line run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.command_line import app

STUDY = """
name = "small"
inbox = "inbox"
archive = "archive"
results = "results"
variants = ["raw", "snv"]
models = ["ridge", "k-nn"]

[samples]
sheet = "samples.csv"
label = "origin"
unit = "specimen"

[reading]
axis_unit = "nm"

[bands.peak]
interval = [500, 600]
assignment = "planted"

[blanks.edge]
interval = [900, 990]
reason = "nothing was planted there"

[audit]
seed = 7
permutations = 399
diagnostics = false
"""


@dataclass(frozen=True)
class Answer:
    """What a command gave: its exit status, stdout and stderr."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        found: dict[str, Any] = json.loads(self.out)
        return found


@pytest.fixture
def offband() -> Callable[..., Answer]:
    """Run a command of `offband` in this process."""

    def run(*arguments: object) -> Answer:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        return Answer(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def write_study() -> Callable[..., Path]:
    """Write a small study into a folder; see `_write_study`."""
    return _write_study


def _write_study(
    folder: Path,
    *,
    replace: Sequence[tuple[str, str]] = (),
    classes: Sequence[str] = ("north", "south"),
    offset: float = 0.0,
    spectra: int = 24,
    tracking: str = "",
) -> Path:
    """Write a study of spectra of 60 channels, 400–990 nm, with noise of 0.01.

    Args:
        folder: Where.
        replace: Texts of the study file to replace by others.
        classes: Labels, in turn.
        spectra: How many, each a unit of its own.
        offset: Added to every channel of the last class: an artefact that blanks see.
        tracking: MLflow's URI, in an experiment named after the folder; "" for the default.
    """
    rng = np.random.default_rng(5)
    inbox = folder / "inbox"
    inbox.mkdir(parents=True)
    axis, rows = np.arange(400.0, 1000.0, 10.0), ["file,origin,specimen"]
    for number in range(spectra):
        label = classes[number % len(classes)]
        intensity = np.exp(-(((axis - 550) / 30) ** 2)) + rng.normal(0, 0.01, axis.size)
        intensity += offset * (label == classes[-1])
        lines = [f"{x:g};{y:.6f}" for x, y in zip(axis, intensity, strict=True)]
        (inbox / f"s{number:02d}.txt").write_text("wavelength (nm);counts\n" + "\n".join(lines) + "\n")
        rows.append(f"s{number:02d}.txt,{label},p{number}")
    (folder / "samples.csv").write_text("\n".join(rows) + "\n")
    text = STUDY
    for old, new in replace:
        assert old in text
        text = text.replace(old, new)
    if tracking:
        text += f'\n[tracking]\nuri = "{tracking}"\nexperiment = "{folder.name}"\n'
    (folder / "study.toml").write_text(text)
    return folder / "study.toml"
