from __future__ import annotations

import shlex
import socket
from pathlib import Path

from flows import servers


def _parts(command: str) -> tuple[dict[str, str], list[str]]:
    first, *words = shlex.split(command)
    assert first == "env"
    settings = dict(word.split("=", 1) for word in words if "=" in word and not word.startswith(("/", "-")))
    return settings, words[len(settings) :]


def test_prefects_command_shows_our_runs_on_loopback_without_telemetry(tmp_path: Path) -> None:
    home = tmp_path / "a home with spaces"
    settings, words = _parts(servers.prefect_command(api_url=None, ui_url=None, home=home))
    assert Path(words[0]).is_file()
    assert words[1:] == ["server", "start", "--host", "127.0.0.1"]
    assert settings["PREFECT_HOME"] == str(home)
    assert settings["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert 4200 <= int(settings["PREFECT_SERVER_API_PORT"]) < 4300


def test_mlflows_command_opens_the_database_on_loopback_without_telemetry() -> None:
    settings, words = _parts(servers.mlflow_command("sqlite:////data/my results/mlflow.db"))
    assert Path(words[0]).is_file()
    assert words[words.index("--backend-store-uri") + 1] == "sqlite:////data/my results/mlflow.db"
    assert words[words.index("--host") + 1] == "127.0.0.1"
    assert settings["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_a_server_that_is_there_already_is_named_instead(tmp_path: Path) -> None:
    api = "http://127.0.0.1:4242/api"
    assert servers.prefect_command(api_url=api, ui_url=None, home=tmp_path) == "http://127.0.0.1:4242"
    assert servers.prefect_command(api_url=api, ui_url="https://ui", home=tmp_path) == "https://ui"
    assert servers.mlflow_command("http://127.0.0.1:5050") == "http://127.0.0.1:5050"


def test_a_port_in_use_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert servers.free_port(port) > port
