"""Real spectra for the experiments: coffee from chemotools, and the tidy sets beside a clone of the project."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spectral_core.demo import AXIS_START, AXIS_STEP
from spectral_core.errors import ReadError
from spectral_core.regions import Intervals

Floats = npt.NDArray[np.float64]
SETS = Path(__file__).parents[3] / "shared" / "data" / "sets"
COFFEE, PUREES, INSTANT, MILK, RAMAN, JUICES = (
    "brewed coffee", "fruit purees", "instant coffee", "milk", "Raman reference materials", "apple juices",
)  # fmt: skip
_FOLDERS = {PUREES: "quadram_purees_ftir", INSTANT: "quadram_coffee_drift", MILK: "nirpy_milk",
            RAMAN: "ramanchada2_multiinstr", JUICES: "eem_applejuice"}  # fmt: skip
SPECTRA = (COFFEE, PUREES, INSTANT, MILK, RAMAN)
PAIRS: dict[str, tuple[tuple[str, str], ...]] = {
    COFFEE: (("Brasil", "Ethiopia"), ("Brasil", "Vietnam"), ("Ethiopia", "Vietnam")),
    PUREES: (("Strawberry", "Not Strawberry"),),
    INSTANT: (("Arabica", "Robusta"),),
    MILK: tuple((str(i), str(i % 9 + 1)) for i in range(1, 10)),
    RAMAN: (("FMNT-M_Ho785", "ICV_BW532"), ("FMNT-M_Ho785", "ICV_BW785"), ("ICV_BW532", "ICV_BW785")),
}
"""Pairs of classes with ten spectra or more: all of them, and of milk each class with the next."""
_BANDS: dict[str, Intervals] = {
    COFFEE: {"CH2 stretch": (2830, 2980), "ester C=O": (1700, 1780), "fingerprint": (900, 1500)},
    PUREES: {"sugar C–O": (980, 1180)},
    INSTANT: {"caffeine C=O": (1640, 1680), "chlorogenic acids C–O–C": (1150, 1300)},
}
_BLANKS: dict[str, Intervals] = {COFFEE: {"silent": (2450, 2600), "edge": (3800, 3985)}}


@dataclass(frozen=True)
class RealSet:
    """n × d measured spectra; `bands` and `blanks` as docs/cases.md argues them, empty where nothing can be said.

    `axis` is the channel number where the set has none; that of the brewed coffee is inferred from five known
    features (`spectral_core.demo`). `one_scale` says that all spectra are of one instrument and one unit.
    """

    name: str
    x: Floats
    axis: Floats
    label: npt.NDArray[np.str_]
    unit: npt.NDArray[np.str_]
    bands: Intervals
    blanks: Intervals
    one_scale: bool = True


@dataclass(frozen=True)
class RealEem:
    """n × (emissions · excitations) unfolded matrices of apple juices, their wavelengths, origins and apples."""

    x: Floats
    excitation: Floats
    emission: Floats
    label: npt.NDArray[np.str_]
    unit: npt.NDArray[np.str_]


def is_present(name: str) -> bool:
    """Say whether a set is at hand; coffee always is."""
    return name == COFFEE or (SETS / _FOLDERS[name]).is_dir()


def absent(names: tuple[str, ...]) -> str:
    """Say which sets are not at hand, or nothing."""
    missing = [name for name in names if not is_present(name)]
    return f"Not run, because the sets are not beside the project: {', '.join(missing)}." if missing else ""


def load_set(name: str) -> RealSet:
    """Read a set of spectra.

    Raises:
        ReadError: The set is not at hand.
    """
    if name == COFFEE:
        from chemotools.datasets import load_coffee

        spectra, labels = load_coffee()
        x = np.asarray(spectra, dtype=np.float64)
        positions: Floats = AXIS_START + AXIS_STEP * np.arange(x.shape[1], dtype=np.float64)
        label, unit = labels["labels"].to_numpy().astype(str), np.arange(len(x)).astype(str)
        return RealSet(name, x, positions, label, unit, _BANDS[name], _BLANKS[name])
    data, meta = _tidy(name, "tidy_spectra.npz")
    x = data["X"].astype(np.float64)
    axis: Floats = np.arange(x.shape[1], dtype=np.float64) if name == MILK else data["axis"].astype(np.float64)
    label = meta["instrument"] if name == RAMAN else meta["label"]
    unit = meta["sample"] if name == INSTANT else np.arange(len(x)).astype(str)
    return RealSet(name, x, axis, label, unit, _BANDS.get(name, {}), {}, one_scale=name != RAMAN)


def load_juices() -> RealEem:
    """Read the excitation–emission matrices of apple juices; cells blank by physics were published as 0.

    Raises:
        ReadError: The set is not at hand.
    """
    data, meta = _tidy(JUICES, "tidy_eem.npz")
    emission, excitation = np.meshgrid(data["emission_nm"], data["excitation_nm"], indexing="ij")
    x = data["X"].reshape(len(data["X"]), -1).astype(np.float64)
    return RealEem(x, excitation.ravel(), emission.ravel(), meta["label"], meta["unit"])


def _tidy(name: str, file: str) -> tuple[dict[str, npt.NDArray[np.generic]], dict[str, npt.NDArray[np.str_]]]:
    folder = SETS / _FOLDERS[name]
    if not folder.is_dir():
        raise ReadError(f"set {name}", f"the folder {_FOLDERS[name]} beside the project", "no such folder",
                        "Leave the set out.")  # fmt: skip
    with (folder / "tidy_meta.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    with np.load(folder / file) as stored:
        data = {key: stored[key] for key in stored.files}
    return data, {key: np.array([row[key] for row in rows]) for key in rows[0]}
