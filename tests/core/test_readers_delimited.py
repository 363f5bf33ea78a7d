"""Delimited text: what goes in comes out, in every dialect; what is uncertain is refused with its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spectral_core.errors import OffbandError, ReadError
from spectral_core.readers.delimited import read_delimited

VENDOR = Path(__file__).resolve().parents[3] / "shared" / "data" / "vendor"
DIALECTS = [
    (delimiter, decimal)
    for delimiter in ("\t", ";", "|", ",", "  ")
    for decimal in (".", ",")
    if not (delimiter == "," and decimal == ",")
]
needs_vendor_files = pytest.mark.skipif(not VENDOR.is_dir(), reason="the vendor files are not here")


def read(text: str | bytes, *, axis_unit: str = "nm", intensity_unit: str = "") -> xr.Dataset:
    data = text.encode() if isinstance(text, str) else text
    return read_delimited(data, axis_unit=axis_unit, intensity_unit=intensity_unit, where="a.txt")


def refusal(text: str | bytes, **declared: str) -> str:
    with pytest.raises(ReadError) as caught:
        read(text, **declared)
    return str(caught.value)


def written(value: float, decimal: str) -> str:
    return f"{value:.17g}".replace(".", decimal)


def table(rows: list[list[str]], delimiter: str, *, head: str = "", end: str = "\n") -> str:
    return head + "".join(delimiter.join(cells) + end for cells in rows)


def spectra(draw: st.DrawFn) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    n, d = draw(st.integers(1, 4)), draw(st.integers(3, 9))
    start, step = draw(st.floats(100.25, 4000.25)), draw(st.floats(0.51, 9.0))
    axis = start + step * np.arange(d)
    finite = st.floats(-1e6, 1e6, allow_nan=False, width=32)
    values = draw(hnp.arrays(np.float64, (n, d), elements=finite))
    # what tells a decimal comma from thousand separators, and a table of intensities from one of positions
    values[:, 0], values[:, 1] = 0.125, -0.0625
    return axis, values


@pytest.mark.parametrize(("delimiter", "decimal"), DIALECTS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_one_spectrum_comes_back_from_every_dialect(delimiter: str, decimal: str, data: st.DataObject) -> None:
    axis, values = data.draw(st.composite(spectra)())
    descending = data.draw(st.booleans())
    order = slice(None, None, -1 if descending else 1)
    head = data.draw(st.sampled_from(["", "Title: leaf 7\nScans: 10\n\n", "# made by hand\n", f"a{delimiter}b\n"]))
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    rows = [[written(a, decimal), written(y, decimal)] for a, y in zip(axis[order], values[0][order], strict=True)]
    dataset = read(table(rows, delimiter, head=head, end=end))
    np.testing.assert_array_equal(dataset["axis"], axis)
    np.testing.assert_array_equal(dataset["intensity"], values[:1].astype(np.float32))
    assert list(dataset["spectrum"].values) == [""]


@pytest.mark.parametrize(("delimiter", "decimal"), DIALECTS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_spectra_in_columns_come_back_under_their_headings(delimiter: str, decimal: str, data: st.DataObject) -> None:
    axis, values = data.draw(st.composite(spectra)())
    names = [f"leaf-{i}" for i in range(len(values))]
    matrix = np.column_stack([axis, values.T])
    rows = [["nm", *names], *([written(v, decimal) for v in row] for row in matrix)]
    dataset = read(table(rows, delimiter, head=data.draw(st.sampled_from(["", "Operator: N. N.\n"]))))
    np.testing.assert_array_equal(dataset["axis"], axis)
    np.testing.assert_array_equal(dataset["intensity"], values.astype(np.float32))
    assert list(dataset["spectrum"].values) == (names if len(names) > 1 else [""])


@pytest.mark.parametrize(("delimiter", "decimal"), DIALECTS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_spectra_in_rows_come_back_with_their_text_columns(delimiter: str, decimal: str, data: st.DataObject) -> None:
    axis, values = data.draw(st.composite(spectra)())
    labels = [data.draw(st.sampled_from(["juice", "water", "12", "Öl"])) for _ in values]
    rows = [
        ["label", "batch", *(written(a, decimal) for a in axis)],
        *(
            [label, f"b{i}", *(written(v, decimal) for v in row)]
            for i, (label, row) in enumerate(zip(labels, values, strict=True))
        ),
    ]
    dataset = read(table(rows, delimiter))
    np.testing.assert_array_equal(dataset["axis"], axis)
    np.testing.assert_array_equal(dataset["intensity"], values.astype(np.float32))
    assert list(dataset["label"].values) == labels
    assert list(dataset["batch"].values) == [f"b{i}" for i in range(len(values))]


def test_a_trailing_text_column_is_metadata_too() -> None:
    dataset = read("400,402,404,variety\n0.1,0.2,0.15,Arabica\n0.3,0.1,0.2,Robusta\n")
    assert list(dataset["variety"].values) == ["Arabica", "Robusta"]
    np.testing.assert_array_equal(dataset["axis"], [400, 402, 404])


def test_a_frame_written_by_pandas_reads_in_either_orientation() -> None:
    frame = xr.DataArray([[0.5, 1.5, 0.25], [2.5, 0.75, 3.5]], dims=("i", "nm")).to_pandas()
    frame.columns = [400.5, 402.5, 404.5]
    by_row, by_column = read(frame.to_csv()), read(frame.T.to_csv())
    np.testing.assert_array_equal(by_row["intensity"], frame.to_numpy(np.float32))
    np.testing.assert_array_equal(by_column["intensity"], frame.to_numpy(np.float32))
    np.testing.assert_array_equal(by_row["axis"], by_column["axis"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_umlauts_survive_every_encoding(encoding: str) -> None:
    text = "sorte;400,5;402,5\nWürze;0,5;0,25\nMüll;0,125;0,5\n"
    assert list(read(text.encode(encoding))["sorte"].values) == ["Würze", "Müll"]


def test_quoted_cells_and_trailing_delimiters_are_read() -> None:
    dataset = read('"nm","leaf, upper","leaf, lower",\n"400.5","0.5","0.25",\n"401.5","1.5","0.75",\n')
    assert list(dataset["spectrum"].values) == ["leaf, upper", "leaf, lower"]
    np.testing.assert_array_equal(dataset["intensity"], [[0.5, 1.5], [0.25, 0.75]])


def test_marks_around_the_data_of_ocean_optics_are_no_data() -> None:
    text = "Data from leaf.txt\nNumber of Pixels: 3\n>>>>>Begin Spectral Data<<<<<\n"
    text += "339.19\t-1.50\n339.57\t2.25\n339.95\t3.00\n>>>>>End Spectral Data<<<<<\n"
    np.testing.assert_array_equal(read(text)["intensity"], [[-1.5, 2.25, 3.0]])


def test_fortran_exponents_are_numbers() -> None:
    np.testing.assert_array_equal(read("400.5 1.5D-1\n401.5 2.5d0\n")["intensity"], [[np.float32(0.15), 2.5]])


@pytest.mark.parametrize(
    ("text", "place", "found"),
    [
        ("400;0.1\n401;nan\n402;0.3\n", "row 2, column 2", "'nan'"),
        ("400;0.1\n401;-inf\n402;0.3\n", "row 2, column 2", "'-inf'"),
        ("400;0.1\n401;1e999\n402;0.3\n", "row 2, column 2", "'1e999'"),
        ("400;0.1\n401;\n402;0.3\n", "row 2, column 2", "an empty cell"),
        ("400;0.1\n401;n.d.\n402;0.3\n", "row 2, column 2", "'n.d.'"),
        ("400;0.1\n401;0.2\n402;saturated\n", "row 3, column 2", "'saturated'"),
        ("nm;a\n400;n.d.\n401;0.2\n402;0.3\n", "row 2, column 2", "'n.d.'"),
        ("nm;a\n400;nan\n401;0.2\n402;0.3\n", "row 2, column 2 (a)", "'nan'"),
        ("400;0.1;\n401;0.2;\n402;0.3;0.4;0.5\n", "row 3", "4"),
        ("400;0.1\n#N/A;0.2\n402;0.3\n", "row 2, column 1", "'#N/A'"),
        ("400;0.1\n#401;0.2\n402;0.3\n", "row 2, column 1", "'#401'"),
        ("nm;a\nlost;0.1\n401;0.2\n402;0.3\n", "row 2, column 1", "'lost'"),
        ("nm;a\n3\n401;0.2\n402;0.3\n403;0.3\n", "row 2", "1"),
        ("400;0.1\n401;1_0\n402;0.3\n", "row 2, column 2", "'1_0'"),
        ("400;0.1\n401;٣\n402;0.3\n", "row 2, column 2", "'٣'"),
        ("label;400;402;404\nA;0.1;0.2;x\nB;0.3;0.1;0.2\n", "row 2, column 4 (404)", "'x'"),
        ("label;400;402;404\nA;0.1;0.2;0.3\nB;0.3;;0.2\n", "row 3, column 3 (402)", "an empty cell"),
        ("400;0.1\n401;0.2;0.3\n402;0.3\n", "row 2", "3"),
        ("400;0.1\n401\n402;0.3\n", "row 2", "1"),
        ("400\n401;0.1\n402;0.3\n403;0.4\n", "row 1", "1"),
        ("400;0.1;0.2\n401;0.2;0.3\n402;0.3\n", "row 3", "2"),
        ("label;400;402;404\nA;0.1;0.2;0.3\nB;0.3;0.1\n", "row 3", "3"),
        ("400;0.1\n401;0.2\n401;0.3\n", "row 3, axis", "401 after 401 (duplicated)"),
        ("400;0.1\n402;0.2\n401;0.3\n403;0.3\n", "row 3, axis", "401 after 402 (not monotonic)"),
        ("\n\nhead\n404;0.1\n402;0.2\n403;0.3\n400;0.3\n", "row 6, axis", "403 after 402 (not monotonic)"),
        ("id;label;400;402;402;404\na;A;1.5;2;3;4\nb;B;1;2;3.5;4\n", "row 1, column 5, axis", "402 after 402"),
    ],
)  # fmt: skip
def test_a_bad_cell_row_or_position_is_named(text: str, place: str, found: str) -> None:
    message = refusal(text)
    assert message.startswith(f"a.txt, {place}"), message
    assert f"found {found}" in message, message


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("1,234;5,678\n1,235;6,789\n", "which may be either"),
        ("1,234.5;1\n1,235.5;2\n", "thousand separators"),
        ("1.234,5;1\n1.235,5;2\n", "thousand separators"),
        ("400.5;0,1\n401.5;0,2\n", "one decimal mark"),
        ("400;987\n401;1.001\n402;1.023\n", "which may be either"),
        ("400,5,0,12\n401,5,0,13\n402,5,0,14\n", "commas that may be either"),
        ("400,5,12\n401,5,13\n402,5,14\n", "commas that may be either"),
    ],
)
def test_numbers_that_may_mean_two_things_are_refused(text: str, what: str) -> None:
    assert what in refusal(text)


@pytest.mark.parametrize(
    ("text", "intensity"),
    [
        ("1,234;5,678\n1,235;0,789\n", [5.678, 0.789]),
        ("1000,5;5,678\n1001,5;6,789\n", [5.678, 6.789]),
        ("1.234;5.678\n1.235;6.789\n", [5.678, 6.789]),
        ("400,123\n401,456\n", [123, 456]),
    ],
)
def test_one_number_that_proves_the_mark_is_enough(text: str, intensity: list[float]) -> None:
    np.testing.assert_array_equal(read(text)["intensity"][0], np.float32(intensity))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t\n",
        "no numbers at all\n",
        "400\n401\n402\n",
        "a;b\nc;d\n",
        "# only\n# comments\n",
        "Title: x\n" * 50,
    ],
)
def test_a_text_without_a_table_is_refused(text: str) -> None:
    refusal(text)


def test_an_excitation_emission_matrix_is_never_taken_for_spectra() -> None:
    matrix = "\t200\t210\t220\t230\t240\n300\t1.5\t2.5\t3.5\t1\t2\n302\t1.5\t2.0\t3.5\t2\t1\n"
    for text in (matrix, "F1" + matrix, "Wavelength" + matrix, "0" + matrix, "EX/EM" + matrix):
        assert "matrix" in refusal(text)
    assert "one axis for all" in refusal("nm,a,nm,b\n400,1,400,2\n401,1,401,2\n")


def test_a_heading_of_another_axis_unit_is_refused_and_never_converted() -> None:
    for heading in (
        "Wavenumber (cm-1)",
        "Raman Shift",
        "wavelength_um",
        "Wavelength [µm]",
        "cm^-1",
        "Energy (eV)",
    ):
        assert "an axis in 'nm'" in refusal(f"{heading};a\n400;0.1\n401;0.2\n")
    for heading in ("Wavelength", "nm", "wavelength_nm", "lambda", "Wavelength (nm)", "x", "leaf"):
        assert read(f"{heading};a\n400;0.1\n401;0.2\n")["axis"].attrs["units"] == "nm"


def test_a_heading_of_another_quantity_is_refused() -> None:
    text = "nm;Absorbance\n400;0.1\n401;0.2\n"
    assert "'reflectance'" in refusal(text, intensity_unit="reflectance")
    assert read(text)["intensity"].attrs["units"] == "absorbance"
    assert read(text, intensity_unit="ABSORBANCE")["intensity"].attrs["units"] == "ABSORBANCE"
    silent = "nm;Intensity (a.u.)\n400;0.1\n401;0.2\n"
    assert read(silent, intensity_unit="counts")["intensity"].attrs["units"] == "counts"


QUANTITIES = (
    "Wave;Sample;Dark;Reference;Reflectance\n[nm];[counts];[counts];[counts];[%]\n\n400;1;2;3;9.5\n401;4;5;6;8.5\n"
)


def test_columns_of_different_quantities_are_chosen_by_the_study_or_refused() -> None:
    np.testing.assert_array_equal(read(QUANTITIES, intensity_unit="reflectance")["intensity"], [[9.5, 8.5]])
    np.testing.assert_array_equal(read(QUANTITIES, intensity_unit="Dark")["intensity"], [[2, 5]])
    assert "'Dark [counts]'" in refusal(QUANTITIES, intensity_unit="counts")
    assert "'Reflectance [%]'" in refusal(QUANTITIES)
    assert "'Reflectance [%]'" in refusal(QUANTITIES, intensity_unit="absorbance")


def test_names_of_samples_are_no_quantities() -> None:
    names = ["dark", "milk", "white"]
    dataset = read("nm;dark;milk;white\n400;1;2;3.5\n401;3;2;1.5\n", intensity_unit="absorbance")
    assert list(dataset["spectrum"].values) == names


def test_labels_may_look_like_comments_and_comments_may_stand_between_rows() -> None:
    text = "sample;400;402;404\n#1;0.1;0.2;0.15\n# lamp changed\n>5 mg;0.3;0.2;0.1\n"
    dataset = read(text)
    assert list(dataset["sample_name"].values) == ["#1", ">5 mg"]
    np.testing.assert_array_equal(read("# nm, a\n400, 0.5\n# note\n401, 0.25\n")["intensity"], [[0.5, 0.25]])


def test_samples_may_be_numbered() -> None:
    for numbers in ("1;2;3", "12;7;33"):
        dataset = read(f"nm;{numbers}\n400;0.1;0.2;0.3\n401;0.2;0.3;0.1\n")
        assert list(dataset["spectrum"].values) == numbers.split(";")


def test_spectra_of_one_name_are_refused() -> None:
    assert "'leaf' more than once" in refusal("nm;leaf;leaf;bark\n400;1;2;3.5\n401;3;2;1.5\n")


def test_columns_with_the_names_of_the_contract_are_kept_under_others() -> None:
    dataset = read("sample;source;label;400;402;404\ns1;here;A;0.5;0.25;1\ns2;there;B;0.5;0.75;1\n")
    assert list(dataset["sample_name"].values) == ["s1", "s2"]
    assert list(dataset["source_name"].values) == ["here", "there"]
    assert "sample" not in dataset.coords


@pytest.mark.parametrize(
    "text", ["9" * 200_000, "1,2" * 100_000, "1." * 200_000 + ";1\n2;3", "#" * 100_000, "(" * 99_999]
)
def test_hostile_text_takes_bounded_time(text: str) -> None:
    refusal(text)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_text_raises_nothing_but_our_errors(data: st.DataObject) -> None:
    good = QUANTITIES + "402;7;8;9,5;7\n"
    damaged = bytearray(good.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        damaged = damaged or bytearray(b"x")
    try:
        dataset = read(bytes(damaged), intensity_unit="reflectance")
    except OffbandError:
        return
    assert np.isfinite(dataset["intensity"]).all()


@needs_vendor_files
@pytest.mark.parametrize("name", ["010", "010-backside", "105", "105-2", "202", "301"])
def test_avantes_reflectance_is_the_ratio_of_its_own_columns(name: str) -> None:
    data = (VENDOR / f"{name}.txt").read_bytes()
    parts = {
        part: read(data, intensity_unit=part)["intensity"].values[0].astype(np.float64)
        for part in ("sample", "dark", "reference", "reflectance")
    }
    ratio = 100 * (parts["sample"] - parts["dark"]) / (parts["reference"] - parts["dark"])
    np.testing.assert_allclose(parts["reflectance"], ratio, atol=0.05)


@needs_vendor_files
def test_bwtek_columns_agree_with_one_another() -> None:
    data = (VENDOR / "PST02_iRPlus785_Z020_100_1300ms.txt").read_bytes()
    shift = read(data, axis_unit="cm-1", intensity_unit="Dark Subtracted #1")
    nm = read(data, axis_unit="nm", intensity_unit="Raw data #1")
    dark = read(data, axis_unit="nm", intensity_unit="Dark")
    np.testing.assert_array_equal(shift["intensity"], nm["intensity"] - dark["intensity"])
    # Raman shift = 1e7 (1 / laser - 1 / wavelength), the laser at 784.82 nm, both columns given to 0.01
    expected = 1e7 * (1 / 784.82 - 1 / nm["axis"].values)
    np.testing.assert_allclose(shift["axis"], expected, atol=0.15)


@needs_vendor_files
@pytest.mark.parametrize("path", sorted((VENDOR / "fluorescence").glob("*")) if VENDOR.is_dir() else [])
def test_matrices_of_fluorescence_spectrometers_are_refused(path: Path) -> None:
    for unit in ("", "counts"):
        refusal(path.read_bytes(), intensity_unit=unit)
