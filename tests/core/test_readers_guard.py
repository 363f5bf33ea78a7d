"""Reading apart: a file that hangs, crashes or fills its library costs that file and nothing else."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from spectral_core import readers
from spectral_core.errors import ReadError, SpectraError
from spectral_core.ingest import ingest_inbox
from spectral_core.readers import Source, read_spectra
from spectral_core.readers.guard import Guard
from spectral_core.readers.netcdf import read_netcdf
from spectral_core.study import study_from
from tests.core.test_readers_arrays import AXIS, X, mat73, npz
from tests.core.test_readers_netcdf import netcdf_bytes, spectra

GOOD = netcdf_bytes(spectra())
TOO_LATE = r"no answer within (0\.5 s of computing|6 s)"
"""By the processor's time; by the clock where others keep the processor busy."""

ASKED = {"axis_unit": "nm", "intensity_unit": "absorbance", "where": "a.nc"}


def endless() -> bytes:
    """A heap whose first object has 2⁶⁴ − 16 bytes: with the 16 of its head, the library goes on by 0 for ever."""
    data = bytearray(GOOD)
    struct.pack_into("<Q", data, data.index(b"GCOL") + 16 + 8, 2**64 - 16)
    return bytes(data)


def huge() -> dict[str, bytes]:
    """A zarr group of a few hundred bytes that stands for 1.6 GB of zeros."""
    codecs = b'"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], "fill_value": 0, "attributes": {}'
    array = (
        b'{"zarr_format": 3, "node_type": "array", "shape": %s, "data_type": "float64", "dimension_names": %s, '
        b'"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": %s}}, '
        b'"chunk_key_encoding": {"name": "default"}, ' + codecs + b"}"
    )
    return {
        "zarr.json": b'{"zarr_format": 3, "node_type": "group", "attributes": {}}',
        "axis/zarr.json": array % (b"[2000]", b'["channel"]', b"[2000]"),
        "intensity/zarr.json": array % (b"[100000, 2000]", b'["sample", "channel"]', b"[100000, 2000]"),
    }


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    guard = Guard(seconds=0.5)
    yield guard
    guard.close()


def family(guard: Guard) -> list[int]:
    """The process that reads apart and its child."""
    assert guard._process is not None
    parent = guard._process.pid
    deadline = time.monotonic() + 10
    while not (children := Path(f"/proc/{parent}/task/{parent}/children").read_text().split()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return [parent, *map(int, children)]


def are_gone(processes: list[int], within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while (left := [p for p in processes if is_running(p)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not left


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_spectra_come_out_as_they_are_read_here(guard: Guard) -> None:
    apart, here = guard.read(GOOD, {}, **ASKED), read_netcdf(GOOD, **ASKED)
    assert apart.identical(here)
    values = mat73({"X": X, "axis": AXIS[::-1], "axis_unit": "nm"})
    dataset = guard.read(values, {}, **ASKED)
    np.testing.assert_array_equal(dataset["intensity"], X[:, ::-1].astype(np.float32))
    np.testing.assert_array_equal(dataset["axis"], AXIS)


def test_refusals_come_out_with_their_four_parts(guard: Guard) -> None:
    with pytest.raises(ReadError) as caught:
        guard.read(GOOD, {}, axis_unit="cm-1", intensity_unit="", where="ä\udcff.nc")
    assert caught.value.where == "ä\udcff.nc, axis" and caught.value.found == "'nm'"
    not_finite = spectra()
    not_finite["intensity"][1, 2] = np.inf
    with pytest.raises(SpectraError, match=r"a\.nc, spectrum 2, axis 405"):
        guard.read(netcdf_bytes(not_finite), {}, **ASKED)


def test_a_file_that_never_ends_is_refused_in_time_and_the_next_is_read(guard: Guard) -> None:
    started = time.monotonic()
    with pytest.raises(ReadError, match=rf"a\.nc: .*{TOO_LATE}. The file is damaged"):
        guard.read(endless(), {}, **ASKED)
    assert time.monotonic() - started < 30
    assert guard.read(GOOD, {}, **ASKED).sizes["sample"] == 3


def test_what_unpacks_to_more_memory_than_allowed_is_refused(guard: Guard) -> None:
    with pytest.raises(ReadError, match=r"Unable to allocate|too much memory"):
        guard.read(b"", huge(), **ASKED)
    assert guard.read(GOOD, {}, **ASKED).sizes["sample"] == 3


@pytest.mark.parametrize("ending", [signal.SIGSEGV, signal.SIGKILL])
def test_a_reader_that_dies_is_named_and_the_next_file_is_read(guard: Guard, ending: signal.Signals) -> None:
    guard.read(GOOD, {}, **ASKED)
    _, child = family(guard)
    os.kill(child, signal.SIGSTOP)  # as if it were busy with the next file

    def end() -> None:
        os.kill(child, ending)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGCONT)

    told = (
        "killed, perhaps for want of memory" if ending is signal.SIGKILL else rf"its reader crashed \({ending.name}\)"
    )
    with pytest.raises(ReadError, match=told):
        threading.Timer(0.1, end).start()
        guard.read(GOOD, {}, **ASKED)
    assert guard.read(GOOD, {}, **ASKED).sizes["sample"] == 3


def test_a_child_is_replaced_after_a_damaged_file_and_kept_after_a_good_one(guard: Guard) -> None:
    guard.read(GOOD, {}, **ASKED)
    before = family(guard)
    guard.read(GOOD, {}, **ASKED)
    assert family(guard) == before
    with pytest.raises(ReadError):
        guard.read(GOOD[:5000], {}, **ASKED)
    assert are_gone(before[1:])
    guard.read(GOOD, {}, **ASKED)
    after = family(guard)
    assert after[0] == before[0] and after[1] != before[1]


def test_a_process_that_was_ended_is_started_again(guard: Guard) -> None:
    guard.read(GOOD, {}, **ASKED)
    for process in family(guard):
        os.kill(process, signal.SIGKILL)
    assert guard.read(GOOD, {}, **ASKED).sizes["sample"] == 3


def test_nothing_is_left_when_this_process_is_killed_while_a_file_hangs(guard: Guard) -> None:
    """A fork stands for the run: it is killed with SIGKILL, which no handler sees."""
    told, tell = os.pipe()
    run = os.fork()
    if run == 0:
        with contextlib.suppress(BaseException):
            own = Guard(seconds=60)
            own.read(GOOD, {}, **ASKED)
            os.write(tell, struct.pack("<2i", *family(own)))
            own.read(endless(), {}, **ASKED)
        os._exit(1)
    os.close(tell)
    processes = list(struct.unpack("<2i", os.read(told, 8)))
    os.close(told)
    assert all(map(is_running, processes))
    os.kill(run, signal.SIGKILL)
    os.waitpid(run, 0)
    assert are_gone(processes)
    assert guard.read(GOOD, {}, **ASKED).sizes["sample"] == 3  # a fork leaves its parent's process alone


def test_a_run_quarantines_what_hangs_and_archives_the_rest(
    guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "GUARD", guard)
    (tmp_path / "inbox").mkdir()
    for name, content in {"a1.nc": GOOD, "b1.nc": endless(), "c1.nc": netcdf_bytes(spectra(n=2))}.items():
        (tmp_path / "inbox" / name).write_bytes(content)
    study = study_from(
        {"name": "t", "inbox": "inbox", "archive": "archive", "results": "results", "reading": {"axis_unit": "nm"},
         "samples": {"pattern": r"(?P<label>[a-z]+)\d*\.nc"}, "audit": {"seed": 1}},
        where=tmp_path / "study.toml",
    )  # fmt: skip
    report = ingest_inbox(study)
    assert (report.new, report.spectra) == (2, 5)
    ((name, reason),) = report.quarantined
    assert name == "b1.nc" and re.search(TOO_LATE, reason)


def test_files_that_no_library_decodes_are_read_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "GUARD", None)
    for content in (b"nm;Absorbance\n400;0.5\n401;0.25\n402;0.125\n", npz({"X": X, "axis": AXIS, "axis_unit": "nm"})):
        source = Source("a.x", "0" * 64, len(content), content)
        assert read_spectra(source, axis_unit="nm", intensity_unit="").sizes["channel"] > 2
