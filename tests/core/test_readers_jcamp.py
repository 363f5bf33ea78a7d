"""JCAMP-DX: every compression gives the same numbers, and a file that disagrees with itself is refused."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import jcamp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_core.errors import OffbandError, ReadError
from spectral_core.readers.asdf import decode_line
from spectral_core.readers.jcamp import read_jcamp

VENDOR = Path(__file__).resolve().parents[3] / "shared" / "data" / "vendor"
needs_vendor_files = pytest.mark.skipif(not VENDOR.is_dir(), reason="the vendor files are not here")

HEAD = """##TITLE= {title}
##JCAMP-DX= 4.24 $$ written by this test
##DATA TYPE= INFRARED SPECTRUM
##XUNITS= 1/CM
##YUNITS= {quantity}
##SPECTROMETER/DATA SYSTEM= prism 3
##LONGDATE= 2026/01/31 09:30:00.0000 +0100
##FIRSTX= {first}
##LASTX= {last}
##NPOINTS= {points}
##XFACTOR= {xfactor}
##YFACTOR= {yfactor}
{table}= {form}
"""


def written(
    lines: list[str], *, first: float, last: float, points: int, yfactor: float = 0.5, xfactor: float = 1.0,
    quantity: str = "ABSORBANCE", title: str = "leaf", table: str = "##XYDATA", form: str = "(X++(Y..Y))",
) -> str:  # fmt: skip
    head = HEAD.format(
        title=title, quantity=quantity, first=first, last=last, points=points, xfactor=xfactor, yfactor=yfactor,
        table=table, form=form,
    )  # fmt: skip
    return head + "".join(f"{line}\n" for line in lines) + "##END=\n"


def read(data: str | bytes, *, axis_unit: str = "cm-1", intensity_unit: str = "") -> xr.Dataset:
    data = data.encode() if isinstance(data, str) else data
    return read_jcamp(data, axis_unit=axis_unit, intensity_unit=intensity_unit, where="a.jdx")


def refusal(data: str | bytes, **declared: str) -> str:
    with pytest.raises(OffbandError) as caught:
        read(data, **declared)
    return str(caught.value)


def squeezed(value: int) -> str:
    """SQZ: sign and first digit as one letter (DX 4.24, table II)."""
    digits = str(abs(value))
    return ("abcdefghi"[int(digits[0]) - 1] if value < 0 else "@ABCDEFGHI"[int(digits[0])]) + digits[1:]


def difference(value: int) -> str:
    digits = str(abs(value))
    return ("jklmnopqr"[int(digits[0]) - 1] if value < 0 else "%JKLMNOPQR"[int(digits[0])]) + digits[1:]


def repeated(count: int) -> str:
    digits = str(count)
    return "STUVWXYZs"[int(digits[0]) - 1] + digits[1:]


def with_repeats(tokens: list[str]) -> str:
    out: list[str] = []
    at = 0
    while at < len(tokens):
        count = 1
        while at + count < len(tokens) and tokens[at + count] == tokens[at]:
            count += 1
        out.append(tokens[at] + (repeated(count) if count > 1 else ""))
        at += count
    return "".join(out)


def compressed(y: list[int], first: int, step: int, form: str, width: int) -> list[str]:
    lines = []
    for start in range(0, len(y), width):
        part = y[start : start + width]
        at = first + step * start
        if form == "AFFN":
            lines.append(f"{at} " + " ".join(map(str, part)))
        elif form == "PAC":
            lines.append(f"{at}" + "".join(f"{value:+d}" for value in part))
        elif form == "SQZ":
            lines.append(f"{at}" + "".join(map(squeezed, part)))
        elif form == "SQZDUP":
            lines.append(f"{at}" + with_repeats([squeezed(value) for value in part]))
        else:
            checked = y[max(start - 1, 0) : start + width]
            at -= step if start else 0
            differences = [difference(b - a) for a, b in pairwise(checked)]
            tail = "".join(differences) if form == "DIF" else with_repeats(differences)
            lines.append(f"{at}{squeezed(checked[0])}{tail}")
    return lines


@pytest.mark.parametrize("form", ["AFFN", "PAC", "SQZ", "SQZDUP", "DIF", "DIFDUP"])
@given(
    y=st.lists(st.integers(-99_999, 99_999) | st.just(7), min_size=2, max_size=60),
    step=st.sampled_from([1, 2, -2]),
    width=st.integers(2, 20),
)
@settings(max_examples=60, deadline=None)
def test_every_compression_gives_back_what_was_compressed(form: str, y: list[int], step: int, width: int) -> None:
    if form == "AFFN" or form == "PAC":
        width = max(width, 2)
    last = 4000 + step * (len(y) - 1)
    text = written(compressed(y, 4000, step, form, width), first=4000, last=last, points=len(y))
    dataset = read(text)
    order = slice(None, None, 1 if step > 0 else -1)
    np.testing.assert_allclose(dataset["axis"], np.linspace(4000, last, len(y))[order])
    np.testing.assert_array_equal(dataset["intensity"][0], (0.5 * np.array(y, dtype=np.float64))[order].astype("f4"))


def test_a_line_of_the_standard_decodes_to_its_table() -> None:
    """The example of DX 4.24, section 5.9: one row of ordinates in all four forms."""
    expected = [599.0, 1, 2, 3, 3, 2, 1, 0, -1, -2, -3]
    for line in (
        "599 1 2 3 3 2 1 0 -1 -2 -3",
        "599+1+2+3+3+2+1+0-1-2-3",
        "599ABCCBA@abc",
        "599AJJ%jjjjjj",
        "599AJT%jX",
    ):
        assert decode_line(line, 20, "x")[0] == expected


def test_a_repetition_of_more_than_nine_is_counted() -> None:
    assert decode_line("10A1JJ2S2", 99, "x")[0] == [10, 11, 12, *(12 + 12 * k for k in range(1, 13))]


def test_metadata_are_taken_from_the_file() -> None:
    dataset = read(written(["1 2 4 6"], first=1, last=3, points=3))
    assert dataset["spectrum"].values[0] == "leaf"
    assert dataset["instrument"].values[0] == "prism 3"
    assert dataset["acquired_at"].values[0] == "2026-01-31T09:30:00"
    assert dataset["intensity"].attrs["units"] == "absorbance"


def test_pairs_are_read_with_both_factors() -> None:
    text = written(
        ["10, 2; 11, 4", "13 6"], first=5, last=6.5, points=3, xfactor=0.5, table="##XYPOINTS", form="(XY..XY)"
    )
    dataset = read(text)
    np.testing.assert_array_equal(dataset["axis"], [5, 5.5, 6.5])
    np.testing.assert_array_equal(dataset["intensity"], [[1, 2, 3]])


def blocks(*parts: str) -> str:
    return f"##TITLE= all\n##DATA TYPE= LINK\n##BLOCKS= {len(parts)}\n{''.join(parts)}##END=\n"


def test_blocks_on_one_axis_become_spectra_named_by_their_titles() -> None:
    first = written(["1 2 4 6"], first=1, last=3, points=3, title="leaf")
    second = written(["1 1 1 0"], first=1, last=3, points=3, title="bark")
    peaks = written(["1,2 3,4"], first=1, last=3, points=2, title="peaks", table="##PEAK TABLE", form="(XY..XY)")
    dataset = read(blocks(first, peaks, second))
    assert list(dataset["spectrum"].values) == ["leaf", "bark"]
    np.testing.assert_array_equal(dataset["intensity"], [[1, 2, 3], [0.5, 0.5, 0]])
    same_title = read(blocks(first, first))
    assert list(same_title["spectrum"].values) == ["1", "2"]


def test_blocks_on_different_axes_or_of_different_quantities_are_refused() -> None:
    first = written(["1 2 4 6"], first=1, last=3, points=3)
    assert "axis of the first block" in refusal(blocks(first, written(["2 2 4 6"], first=2, last=4, points=3)))
    other = written(["1 2 4 6"], first=1, last=3, points=3, quantity="TRANSMITTANCE")
    assert "YUNITS" in refusal(blocks(first, other))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (written(["1 2 4"], first=1, last=3, points=3), "NPOINTS: expected 3 ordinates, found 2"),
        (written(["1 2 4 6 8"], first=1, last=3, points=3), "NPOINTS: expected 3 ordinates, found more"),
        (written(["1 2 4", "9 6 8"], first=1, last=4, points=4), "row 15: expected abscissa 3 (X-check), found 9"),
        (written(["1A1J2", "2B9J"], first=1, last=3, points=3), "(Y-check), found 29"),
        (written(["1 2 ? 6"], first=1, last=3, points=3), "a missing ordinate, '?'"),
        (written(["1 2 4 6"], first=1, last=3, points=0), "a whole number above 0"),
        (written(["1J2"], first=1, last=3, points=3), "an abscissa and ordinates"),
        (written(["1Z"], first=1, last=3, points=3), "a repetition of the ordinate before"),
        (written(["1A1s99999999999"], first=1, last=3, points=3), "a repetition of the ordinate before"),
        (written(["1 2 4 1E999"], first=1, last=3, points=3), "an abscissa and ordinates"),
        (written(["1 2 4 6"], first=1, last=3, points=3).replace("##NPOINTS= 3\n", ""), "NPOINTS"),
        (written(["1 2 4 6"], first=1, last=3, points=3).replace("##FIRSTX= 1\n", ""), "FIRSTX"),
        (written(["1 2 4 6"], first=1, last=3, points=3).replace("YFACTOR= 0.5", "YFACTOR= nan"), "YFACTOR"),
        (written(["1 2 2 3"], first=1, last=2, points=2, table="##PEAK TABLE", form="(XY..XY)"), "'PEAKTABLE'"),
        (written(["1 2 2 3"], first=1, last=2, points=2, table="##XYPOINTS", form="(XYW)"), "(XYW)"),
        (written(["1 2 2"], first=1, last=2, points=2, table="##XYPOINTS", form="(XY..XY)"), "3 numbers"),
        (written(["1 2 7 3"], first=1, last=2, points=2, table="##XYPOINTS", form="(XY..XY)"), "LASTX"),
        (written(["1 2 1 3"], first=1, last=1, points=2, table="##XYPOINTS", form="(XY..XY)"), "duplicated"),
        (written(["1 2 4 6"], first=1, last=1, points=3), "duplicated"),
        ("##TITLE= nothing\n##END=\n", "no data"),
        ("##JCAMP-DX= 4.24\n##TITLE= late\n", "##TITLE= first"),
        (b"##TITLE= x\n\x00\x01\x02\xff\xfe" * 9, "binary data"),
    ],
)  # fmt: skip
def test_a_file_that_disagrees_with_itself_is_refused(text: str | bytes, what: str) -> None:
    assert what in refusal(text)


def test_a_repetition_cannot_fill_the_memory() -> None:
    assert "repetition" in refusal(written(["1A1s999999"] * 9, first=1, last=3, points=30))


def test_units_that_differ_from_the_study_are_refused() -> None:
    text = written(["1 2 4 6"], first=1, last=3, points=3)
    assert "an axis in 'nm'" in refusal(text, axis_unit="nm")
    assert "XUNITS" in refusal(text.replace("1/CM", "FURLONGS"))
    assert "'reflectance'" in refusal(text, intensity_unit="reflectance")
    for declared in ("absorbance", "Absorbance", "A"):
        assert read(text, intensity_unit=declared)["intensity"].attrs["units"] == declared
    silent = text.replace("ABSORBANCE", "ARBITRARY UNITS").replace("##XUNITS= 1/CM\n", "")
    assert read(silent, intensity_unit="counts", axis_unit="nm")["axis"].attrs["units"] == "nm"


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_files_raise_nothing_but_our_errors(data: st.DataObject) -> None:
    y = [3, 5, 9, 9, 9, 4, -7, -7, 0, 12]
    form = data.draw(st.sampled_from(["AFFN", "PAC", "SQZ", "DIF", "DIFDUP"]))
    damaged = bytearray(written(compressed(y, 10, 1, form, 4), first=10, last=19, points=10).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        damaged = damaged or bytearray(b"x")
    try:
        dataset = read(bytes(damaged))
    except OffbandError:
        return
    assert np.isfinite(dataset["intensity"]).all()


SAME_AS_LIBRARY = [
    "LABCALC.DX", "PE1800.DX", "SPECFILE.DX", "dupdec1.jdx", "dupdec2.jdx", "fixdec1.jdx", "fixinc1.jdx", "pacdec1.jdx",
    "jtpolysd.jdx", "../fitr_nitrocellulose.jdx",
]  # fmt: skip


@needs_vendor_files
@pytest.mark.parametrize("name", SAME_AS_LIBRARY)
def test_vendor_files_agree_with_the_library_where_it_reads_them(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = (VENDOR / "jcamp" / name).read_bytes()
    dataset, library = read(data), jcamp.read(io.BytesIO(data))
    order = np.argsort(library["x"])
    np.testing.assert_allclose(dataset["axis"], library["x"][order])
    np.testing.assert_allclose(dataset["intensity"][0], library["y"][order], rtol=1e-6)


@needs_vendor_files
def test_one_spectrum_in_different_compressions_gives_the_same_numbers() -> None:
    """Indene in DIF/DUP and as pairs one a line (its points at whole wavenumbers); PE1800 in two packings."""

    def folder(name: str) -> xr.Dataset:
        return read((VENDOR / "jcamp" / name).read_bytes())

    dense, sparse = folder("dupinc2.jdx"), folder("xyinc1.jdx")
    inside = slice(5, -5)
    at_sparse = np.interp(sparse["axis"][inside], dense["axis"], dense["intensity"][0]) / 100
    difference = np.abs(at_sparse - sparse["intensity"][0][inside].values)
    assert np.median(difference) < 0.002
    packed, pac = folder("PE1800.DX"), folder("pacdec1.jdx")
    np.testing.assert_allclose(100 * packed["intensity"], pac["intensity"], rtol=1e-6)
    fixed, dif = folder("jtpolys.jdx"), folder("jtpolysd.jdx")
    # the file in DIF form states its YFACTOR with two digits turned (2.388… for 2.384…e-09)
    np.testing.assert_allclose(fixed["intensity"] / 2.384185791e-09, dif["intensity"] / 2.3884185791e-09, rtol=1e-6)


@needs_vendor_files
@pytest.mark.parametrize("number", ["2", "3", "4", "5"])
def test_the_nmr_spectrum_is_one_in_all_its_packings(number: str) -> None:
    first = read((VENDOR / "jcamp" / "o03.jdx").read_bytes(), axis_unit="HZ")
    other = read((VENDOR / "jcamp" / f"o0{number}.jdx").read_bytes(), axis_unit="HZ")
    assert other.sizes["channel"] == 8192
    np.testing.assert_array_equal(first["intensity"], other["intensity"])
    np.testing.assert_array_equal(first["axis"], other["axis"])


@needs_vendor_files
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("xyinc2.jdx", "X-check"), ("compound.jdx", "axis of the first block"), ("pktab1.jdx", "PEAKTABLE"),
        ("o07.jdx", "NTUPLES"), ("blckpkt1.jdx", "PEAKTABLE"), ("ISAS_CDX.DX", "PEAKASSIGNMENTS"),
    ],
)  # fmt: skip
def test_vendor_files_that_hold_no_one_spectrum_are_refused(name: str, what: str) -> None:
    data = (VENDOR / "jcamp" / name).read_bytes()
    assert what in refusal(data, axis_unit="GAUSS" if name.startswith("xy") else "cm-1")


@needs_vendor_files
def test_a_series_of_blocks_is_read_in_order() -> None:
    dataset = read((VENDOR / "jcamp" / "blckpac1.jdx").read_bytes(), axis_unit="nm", intensity_unit="absorbance")
    assert dataset.sizes == {"sample": 5, "channel": 176}
    # first ordinate of the first block, as its file writes it, times its factor
    np.testing.assert_allclose(dataset["intensity"][0, -1], -51473 * 0.00000011920928955078, rtol=1e-6)
    assert [title[-4:] for title in dataset["spectrum"].values] == [f"(t{k})" for k in range(1, 6)]


def test_garbage_named_jcamp_is_refused() -> None:
    with pytest.raises(ReadError):
        read(np.random.default_rng(7).bytes(4096))
