"""The quick way through plain two-column text gives what the thorough way gives, or stands aside."""

from __future__ import annotations

import random

import numpy as np
import pytest

from spectral_core.errors import OffbandError
from spectral_core.readers import delimited
from spectral_core.readers.plain import plain_columns

HEADS = (
    "", "nm\tcounts\n", "Wavelength;Intensity\n", "# made by hand\nX Y\n", '"150"\n', "150\n", "n/a\t1\n",
    "Title: leaf 7\nDate: 2026-01-02\n\nnm,counts\n", "wavenumber\tabsorbance\n", "XUNITS\tnm\nA\tB\n",
    "instrument µ\nWavelength\tSignal\n", "Pixel\tWavelength\n",
)  # fmt: skip
STYLES = ("{:.4f}", "{:g}", "{:.0f}", "{:.3f}", "{:.5e}", "{:+.2f}", "{:.3f}")
PIECES = (
    b"\t",
    b"\n",
    b"\r\n",
    b";",
    b",",
    b" ",
    b"e",
    b"-",
    b"+",
    b".",
    b"1",
    b"nan",
    b"#",
    b'"',
    b"_",
    b"1e400",
    b"\xe9",
)


def written(rng: random.Random) -> bytes:
    count, style = rng.randint(60, 200), rng.choice(STYLES)
    axis = np.linspace(400, 900, count) if rng.random() < 0.7 else np.linspace(2000, 400, count)
    values = np.random.default_rng(rng.randint(0, 10**6)).uniform(0, rng.choice([1, 5000]), count)
    mark, end = rng.choice("\t\t;, |"), rng.choice(["\n", "\n", "\r\n"])
    rows = [f"{rng.choice(STYLES[:2]).format(x)}{mark}{style.format(y)}" for x, y in zip(axis, values, strict=True)]
    return rng.choice(HEADS).encode() + end.join(rows).encode() + rng.choice([b"", b"\n", b"\n\n", b"\x1a"])


def mutated(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(0, 2)):
        at = rng.randrange(len(data))
        data = data[:at] + rng.choice([b"", rng.choice(PIECES)]) + data[at + rng.randint(0, 2) :]
    return data


def outcome(data: bytes) -> object:
    try:
        read = delimited.read_delimited(data, axis_unit="nm", intensity_unit="", where="a.txt")
    except OffbandError as error:
        return str(error)
    return {name: (v.dims, v.values.tolist(), v.attrs) for name, v in read.variables.items()}


def test_the_quick_way_gives_what_the_thorough_way_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = spectra = 0
    for seed in range(200):
        rng = random.Random(seed)
        data = mutated(written(rng), rng)
        found = outcome(data)
        with monkeypatch.context() as thorough:
            thorough.setattr(delimited, "plain_columns", lambda _: None)
            assert found == outcome(data), data[:200]
        spectra += isinstance(found, dict)
        quick += isinstance(found, dict) and plain_columns(data) is not None
    assert 40 < quick < spectra < 150  # some are plain, some are read all the same, and some refused


@pytest.mark.parametrize(
    "rows",
    [
        ["400.123\t1.234"] * 100 + ["401\t5"],  # a point may part thousands, and a whole number stands beside
        ["400\t1"] * 100 + ["402\t1\t3"],
        ["400\t1"] * 100 + ["\t402"],
        ["400  1"] * 100 + [" 402"],
        ["400\t1"] * 100 + ["402\tnan"],
        ["400\t1"] * 100 + ["402\t1e999"],
        ["400\t1"] * 100 + ["", "402\t3"],
        ["400\t1"] * 100 + ["402\t1_0"],
        ["400\t1"] * 20,
        ["1024"] + ["400\t1"] * 100,
    ],
    ids=[
        "thousands",
        "third cell",
        "empty cell",
        "one word",
        "nan",
        "too large",
        "blank line",
        "underscore",
        "short",
        "count",
    ],
)
def test_what_is_not_plain_is_left_to_the_thorough_way(rows: list[str]) -> None:
    assert plain_columns("\n".join(rows).encode()) is None


def test_numbers_are_parsed_to_the_last_bit() -> None:
    values = np.random.default_rng(0).lognormal(0, 20, (200, 2))
    text = "\n".join(f"{x!r}\t{y!r}" for x, y in values.tolist())
    plain = plain_columns(text.encode())
    assert plain is not None and plain.values.tobytes() == values.tobytes()
