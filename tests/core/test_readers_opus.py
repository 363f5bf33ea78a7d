"""Bruker OPUS: the spectrum asked for, to the bit, and never one quantity under another's name."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_core.errors import OffbandError
from spectral_core.readers import vendor
from spectral_core.readers.opus import read_opus
from tests.core.written_files import opus_file, opus_parameters, opus_status

pytest.importorskip("brukeropus")

VENDOR = Path(__file__).resolve().parents[3] / "shared" / "data" / "vendor"
needs_vendor_files = pytest.mark.skipif(not VENDOR.is_dir(), reason="the vendor files are not here")
REAL = ("BF_lo_01_soil_cal.1", "issue82_Opus_test.0", "ftir_ps.0")

Y = np.array([0.5, 0.25, 1.0, 0.125], dtype=np.float32)
INSTRUMENT = opus_parameters({"INS": "ALPHA II", "SRN": 17})
SAMPLE = opus_parameters({"SNM": "leaf 7"})


def read(data: bytes, intensity_unit: str = "", axis_unit: str = "cm-1") -> xr.Dataset:
    return read_opus(data, axis_unit=axis_unit, intensity_unit=intensity_unit, where="a.0")


def refusal(data: bytes, intensity_unit: str = "", axis_unit: str = "cm-1") -> str:
    with pytest.raises(OffbandError) as caught:
        read(data, intensity_unit, axis_unit)
    return str(caught.value)


def written(*kinds: int, y: np.ndarray = Y, **status: float | str) -> bytes:
    blocks = [((0, 0, 2, 0, 0, 0), INSTRUMENT), ((0, 0, 10, 0, 0, 0), SAMPLE)]
    for i, kind in enumerate(kinds):
        stored = (y + np.float32(i)).astype("<f4")
        blocks.append(((3, 3, 0, kind, 0, 0), stored.tobytes()))
        blocks.append(((3, 3, 1, kind, 0, 0), opus_status(stored, 4000.0, 3997.0, **status)))
    return opus_file(blocks)


def test_a_written_file_gives_back_what_was_written() -> None:
    dataset = read(written(4))
    np.testing.assert_array_equal(dataset["axis"], [3997, 3998, 3999, 4000])
    np.testing.assert_array_equal(dataset["intensity"][0], Y[::-1])
    assert dataset["intensity"].attrs["units"] == "absorbance"
    told = {name: dataset[name].values[0] for name in ("instrument", "acquired_at", "sample_name", "block")}
    assert told == {"instrument": "ALPHA II", "acquired_at": "2026-01-31T09:30:15", "sample_name": "leaf 7",
                    "block": "absorbance"}  # fmt: skip
    assert json.loads(dataset[vendor.METADATA_COLUMN].values[0])["srn"] == "17"


def test_the_stored_scale_is_applied() -> None:
    np.testing.assert_array_equal(read(written(4, CSF=2.0))["intensity"][0], 2 * Y[::-1])


def test_the_study_chooses_among_quantities_and_none_is_guessed() -> None:
    both = written(4, 5)
    np.testing.assert_array_equal(read(both, "transmittance")["intensity"][0], Y[::-1] + 1)
    assert "absorbance, transmittance" in refusal(both)
    assert "found absorbance" in refusal(written(4), "reflectance")
    assert "found absorbance" in refusal(written(4), "counts")


def test_of_two_blocks_of_one_quantity_the_last_written_is_taken_and_said() -> None:
    dataset = read(written(4, 4))
    np.testing.assert_array_equal(dataset["intensity"][0], Y[::-1] + 1)
    assert dataset["block"].values[0] == "absorbance, last written of 2"


def test_a_derivative_is_no_absorbance() -> None:
    stored = Y.astype("<f4")
    data = opus_file([((3, 3, 0, 4, 1, 0), stored.tobytes()), ((3, 3, 1, 4, 1, 0), opus_status(Y, 4.0, 1.0))])
    assert "absorbance, first derivative" in refusal(data, "absorbance")
    assert read(data)["intensity"].attrs["units"] == "absorbance, first derivative"


def test_another_axis_and_integers_are_refused() -> None:
    assert "DXU" in refusal(written(4), axis_unit="nm")
    assert "an axis in 'cm-1'" in refusal(written(4, DXU="MIN"))
    assert "found none" in refusal(written(4, DPF=2))


@pytest.mark.parametrize(
    ("at", "value", "what"),
    [
        (12, -5, "blocks after the header"), (12, 2**31 - 1, "the directory"), (20, 2**30, "blocks after the header"),
        (24 + 12 + 4, -1, "a length"), (24 + 12 + 4, 2**28, "the block"), (24 + 12 + 8, 2**30, "the block"),
    ],
)  # fmt: skip
def test_a_directory_that_leads_out_of_the_file_is_refused(at: int, value: int, what: str) -> None:
    data = bytearray(written(4))
    struct.pack_into("<i", data, at, value)
    assert what in refusal(bytes(data))


@pytest.mark.parametrize("words", [-4, -1, 0, 30_000])
def test_a_parameter_without_a_length_ends_reading_at_once(words: int) -> None:
    """A length of -4 words leads brukeropus back to the same parameter for ever."""
    data = bytearray(written(4))
    struct.pack_into("<h", data, data.index(b"NPT\x00") + 6, words)
    assert "parameter" in refusal(bytes(data))


def by_hand(data: bytes, kind: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Spectra of a kind, decoded here: directory entries of type, 32-bit words and offset; parameters by name."""
    start, _, count = struct.unpack_from("<3i", data, 12)
    entries = [struct.unpack_from("<3i", data, start + 12 * i) for i in range(count)]

    def parameter(block: bytes, name: bytes) -> float:
        at = block.index(name + b"\x00")
        return float(struct.unpack_from("<i" if block[at + 4] == 0 else "<d", block, at + 8)[0])

    wanted = 3 | 3 << 2 | kind << 10
    status = [data[at : at + 4 * size] for code, size, at in entries if code & 0x3FFFFF == wanted | 1 << 4]
    found = []
    for code, size, at in entries:
        if code & 0x3FFFFF == wanted:
            values = np.frombuffer(data, "<f4", size, at)
            (own,) = status if len(status) == 1 else [
                s for s in status if (values.min(), values.max()) == (parameter(s, b"MNY"), parameter(s, b"MXY"))
            ]  # fmt: skip
            n = int(parameter(own, b"NPT"))
            axis = np.linspace(parameter(own, b"FXV"), parameter(own, b"LXV"), n)
            found.append((axis, values[:n] * parameter(own, b"CSF")))
    return found


@needs_vendor_files
@pytest.mark.parametrize("name", REAL)
def test_real_files_agree_with_bytes_decoded_by_hand(name: str) -> None:
    data = (VENDOR / name).read_bytes()
    dataset = read(data, "absorbance")
    axis, values = by_hand(data, 4)[-1]
    order = np.argsort(axis)
    np.testing.assert_allclose(dataset["axis"], axis[order], rtol=1e-12)
    np.testing.assert_allclose(dataset["intensity"][0], values[order], rtol=1e-6)
    assert dataset["instrument"].values[0] and dataset["acquired_at"].values[0]


@needs_vendor_files
def test_a_real_file_agrees_with_brukeropusreader() -> None:
    """Of the other two files that library gives a report and a single channel for the absorbance."""
    name = REAL[0]
    other = pytest.importorskip("brukeropusreader").read_file(VENDOR / name)
    dataset = read((VENDOR / name).read_bytes(), "absorbance")
    axis = other.get_range("AB")
    values = other["AB"][: len(axis)]
    order = np.argsort(axis)
    np.testing.assert_allclose(dataset["axis"], axis[order], rtol=1e-6)
    np.testing.assert_allclose(dataset["intensity"][0], values[order], rtol=1e-6)
