"""What a clone holds: nothing of one machine, pins without hosts, a Makefile that documents agree with."""

from __future__ import annotations

import re
import subprocess
import tomllib
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
    assert all(found), (
        f"not name==version: {[line for line in lines if line[0] != '#' and not PIN.fullmatch(line)]}"
    )
    return {canonicalize_name(match[1]): match[2] for match in found if match}


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
        assert requirement.specifier.contains(version, prereleases=True), (
            f"{requirement}: pinned to {version}"
        )


def test_what_the_package_needs_is_enough_for_what_it_imports() -> None:
    """Distribution and command are called `offband`: an import that no requirement brings fails elsewhere."""
    source = "\n".join(p.read_text(encoding="utf-8") for d in ("spectral_core", "tasks", "flows")
                       for p in (ROOT / d).rglob("*.py"))  # fmt: skip
    not_required = re.findall(
        r"^\s*(?:import|from) (netCDF4|cftime|setuptools|pip|pytest|requests)\b", source, re.M
    )
    assert not not_required


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
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_make_says_what_it_can_do() -> None:
    command = ["make", "--no-print-directory", "help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = set(re.findall(r"^make ([a-z]+) ", done.stdout, flags=re.MULTILINE))
    assert {"demo", "test", "lint", "bench", "calibrate", "clean"} <= shown == targets()
