"""What a clone holds: nothing of one machine, pins without hosts, a Makefile that documents agree with."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([0-9][A-Za-z0-9.]*)")
MACHINE = re.compile(r"(?<![\w.~/:>-])/(?:home|root|work|Users|mnt|opt)/\w+")
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|anaconda\.(?:org|com)|ghcr\.io|docker\.io|quay\.io|(?:extra-)?index-url|find-links"
)


def tracked() -> list[Path]:
    """Files that git holds, and those it would add."""
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip(f"not a git clone: {listed.stderr.strip()}")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def lines_with(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in files
        if b"\0" not in path.read_bytes()[:4096]
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [PIN.fullmatch(line) for line in lines if not line.startswith("#")]
    assert all(found), f"not name==version: {[line for line in lines if line[0] != '#' and not PIN.fullmatch(line)]}"
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def top_level_imports() -> set[tuple[str, str]]:
    """(file, package) of every import from outside the project and the standard library."""
    found = set()
    for path in (p for floor in ("spectral_core", "tasks", "flows") for p in (ROOT / floor).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            else:
                continue
            found |= {(path.relative_to(ROOT).as_posix(), name.split(".")[0]) for name in names}
    own = {"spectral_core", "tasks", "flows", *sys.stdlib_module_names}
    return {(where, top) for where, top in found if top not in own}


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    """No path of this machine in any file."""
    found = lines_with(MACHINE, tracked())
    assert not found, "\n".join(found)


def test_no_file_names_a_registry() -> None:
    """No registry host in any file; pins live in `constraints.txt`."""
    found = lines_with(REGISTRY, [path for path in tracked() if path != Path(__file__).resolve()])
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (MACHINE, "see " + "/" + "home/anna/data", True),
        (MACHINE, 'Path("/' + 'root/x")', True),
        (MACHINE, "docs/work/plan.md", False),
        (MACHINE, "https://example.invalid/home/page", False),
        (REGISTRY, "pip install --" + "index-url x", True),
    ],
)
def test_the_two_patterns_find_what_they_look_for(pattern: re.Pattern[str], text: str, found: bool) -> None:
    assert bool(pattern.search(text)) is found


def test_no_spectra_or_other_heavy_files_are_kept_in_git() -> None:
    """Data only; not part of the project and not to be committed into it."""
    heavy = [str(path.relative_to(ROOT)) for path in tracked() if path.stat().st_size > 1_000_000]
    assert not heavy


def test_every_requirement_has_a_pin_that_satisfies_it() -> None:
    """Pins live in `constraints.txt`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [text for texts in project["optional-dependencies"].values() for text in texts]
    pinned = pins()
    for requirement in map(Requirement, [*project["dependencies"], *extras]):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement}: no pin in constraints.txt"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: pinned to {version}"


def test_every_import_is_of_something_required() -> None:
    """Core dependencies and extras as in the design: what another package brings may leave with it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = map(Requirement, [*project["dependencies"], *project["optional-dependencies"]["vendor"]])
    names = {canonicalize_name(name) for each in required for name in (each.name, *each.extras)}
    bringers = packages_distributions()
    strangers = [
        f"{where}: {top}"
        for where, top in sorted(top_level_imports())
        if not names & {canonicalize_name(name) for name in bringers.get(top, ())}
    ]
    assert not strangers, "imported, but not required in pyproject.toml:\n" + "\n".join(strangers)


def test_the_documents_name_only_targets_that_the_makefile_has() -> None:
    """README executed; `make demo` and its neighbours are targets."""
    documents = [
        ROOT / "README.md",
        ROOT / ".ci" / "run",
        ROOT / "CHANGELOG.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
    for path in documents:
        named = set(re.findall(r"(?:`|^)make ([a-z]+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
        assert named <= targets(), f"{path.relative_to(ROOT)}: {sorted(named - targets())}"


def test_the_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    """`.ci/run` calls the README's test command."""
    assert os.access(ROOT / ".ci" / "run", os.X_OK), "chmod +x .ci/run"
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_make_says_what_it_can_do() -> None:
    command = ["make", "--no-print-directory", "help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = set(re.findall(r"^make ([a-z]+) ", done.stdout, flags=re.MULTILINE))
    assert {"demo", "test", "lint", "bench", "calibrate", "clean"} <= shown == targets()
