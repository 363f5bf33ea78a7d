from __future__ import annotations

import socket
from pathlib import Path

import pytest

from flows import doctor
from spectral_core.demo import write_demo


def _by_topic(findings: object) -> dict[str, doctor.Finding]:
    return {finding.topic: finding for finding in findings}  # type: ignore[attr-defined]


def test_a_sound_study_has_nothing_wrong(tmp_path: Path) -> None:
    found = _by_topic(doctor.study(write_demo(tmp_path / "demo").study_file))
    assert {f.status for f in found.values()} <= {"ok", "warning"}
    assert "made at the first run" in found["archive"].found


@pytest.mark.parametrize(
    ("old", "new", "topic", "remedy"),
    [
        ('inbox = "inbox"', 'inbox = "no-such"', "inbox", "key inbox"),
        ('sheet = "inbox/samples.csv"', 'sheet = "other.csv"', "sample sheet", "samples.sheet"),
        ('archive = "archive"', 'archive = "inbox"', "archive", ""),
        ('scheduler = "threads"', 'scheduler = "tcp://127.0.0.1:{port}"', "dask", "orrect the address"),
        (
            '# uri = "http://127.0.0.1:5000"',
            'uri = "http://127.0.0.1:{port}"',
            "mlflow",
            "orrect the address",
        ),
        ("delta = 0.05", "delta = 5", "study", "Correct the value"),
        ("delta = 0.05", "dleta = 0.05", "study", "remove it"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(tmp_path: Path, old: str, new: str, topic: str, remedy: str) -> None:
    file = write_demo(tmp_path / "demo").study_file
    text = file.read_text(encoding="utf-8")
    assert old in text
    with socket.socket() as closed:  # bound, so nobody else listens there, and not listening
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        file.write_text(text.replace(old, new.format(port=port)), encoding="utf-8")
        found = _by_topic(doctor.study(file))
    assert found[topic].status == "wrong"
    assert found[topic].remedy and remedy in found[topic].remedy


def test_a_listening_address_is_reachable_and_a_password_stays_hidden() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        assert doctor.dask(f"tcp://127.0.0.1:{port}").status == "ok"
        finding = doctor.tracking(f"postgresql://user:secret@127.0.0.1:{port}/mlflow")
    assert finding.status == "ok"
    assert "secret" not in finding.found


@pytest.mark.parametrize("address", ["tcp://host", "tcp://host:port", "http://[::1"])
def test_an_address_that_is_none_is_wrong_not_a_crash(address: str) -> None:
    finding = doctor.reachable("dask", address)
    assert (finding.status, finding.remedy) == ("wrong", "Correct the address.")


def test_versions_that_were_seen_to_fail_are_named() -> None:
    def failing(prefect: str, fastapi: str) -> bool:
        return bool(list(doctor.known_failures({"prefect": prefect, "fastapi": fastapi})))

    assert failing("3.8.8", "0.151.0")
    assert failing("3.8.9", "0.160")
    assert not failing("3.8.8", "0.150.0")
    assert not failing("3.9.0", "0.160.0")


def test_every_dependency_that_decides_a_run_is_installed() -> None:
    assert {f.topic: f.found for f in doctor.packages() if f.status != "ok" and f.topic != "offband"} == {}


def test_a_telemetry_switch_that_was_turned_on_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.telemetry().status == "ok"
    monkeypatch.setenv("DO_NOT_TRACK", "0")
    assert doctor.telemetry().status == "wrong"


def test_a_full_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.disk(tmp_path / "not" / "there" / "yet").topic == "disk"
    monkeypatch.setattr(doctor, "LITTLE_DISK", 2**80)
    assert doctor.disk(tmp_path).status == "warning"


def test_a_prefect_server_that_does_not_answer_is_wrong() -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/api"
        with temporary_settings({PREFECT_API_URL: url}):
            (finding,) = doctor.prefect_server()
    assert finding.status == "wrong"
    assert "PREFECT_API_URL" in finding.remedy


def test_a_prefect_server_that_answers_is_named(prefect_server: str) -> None:
    (finding,) = doctor.prefect_server()
    assert finding == doctor.Finding("prefect server", "ok", prefect_server)
