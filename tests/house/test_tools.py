"""ruff, mypy, the doctests, and what importing the library costs."""

from __future__ import annotations

import doctest
import importlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "spectral_core").rglob("*.py")
)
IMPORTED = """
import json, sys
from spectral_core import audit_classifier
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff_finds_nothing(command: tuple[str, ...], tmp_path: Path) -> None:
    """ruff and mypy (strict) pass and are part of the tests."""
    done = run("-m", "ruff", *command, "--cache-dir", str(tmp_path), "--output-format", "concise", ".")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_mypy_strict_finds_nothing(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    """ruff and mypy (strict) pass and are part of the tests."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert settings["strict"] and set(settings["packages"]) == {"spectral_core", "tasks", "flows"}
    cache = getattr(pytestconfig, "cache", None)
    kept = cache.mkdir("mypy") if cache is not None else tmp_path
    done = run("-m", "mypy", "--cache-dir", str(kept))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_library_is_useful_alone() -> None:
    """`spectral_core` knows neither Prefect nor MLflow; figures and servers load where used."""
    done = run("-c", IMPORTED)
    assert done.returncode == 0, done.stderr
    heavy = {"prefect", "mlflow", "matplotlib", "plotly", "distributed", "icechunk"}
    assert not heavy & set(json.loads(done.stdout))


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_the_docstrings_hold(module: str) -> None:
    """Docstrings: one imperative line; … one doctest."""
    failed, _ = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0, f"{module}: the captured output names the example"
