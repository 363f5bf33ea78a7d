"""Every command and every example of README and docs, run in order; what is not run says why in the document.

A block of `sh` or `python` runs in a folder of its own document, where a demo is at hand as `study.toml` and `archive`.
`<!-- not run: reason -->` before a block leaves it out.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    ROOT / "README.md", ROOT / "deployments" / "README.md", *sorted((ROOT / "docs").rglob("*.md")),
]  # fmt: skip
RUN = ("sh", "python")
SHOWN = ("toml", "mermaid", "text", "json", "yaml", "{toctree}", "{include}")
CLONE = "<address-of-this-repository>"

pytestmark = [pytest.mark.docs, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int
    left_out: str


def blocks_of(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    fences = re.finditer(r"(?:<!-- not run: (.*?) -->\n+)?^```(\S*)[^\n]*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [
        Block(f[2], f[3], text[: f.start(2)].count("\n") + 1, " ".join((f[1] or "").split())) for f in fences
    ]  # fmt: skip


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Programs of this environment first, no setting of the caller's, homes of their own."""
    home = tmp_path_factory.mktemp("home")
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8",
        "PREFECT_HOME": str(home / "prefect"), "OMP_NUM_THREADS": "1",
        # a clone inside a test finds pins and package index as this process does
        **{k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_"))},
    }  # fmt: skip


@pytest.fixture(scope="session")
def demo(tmp_path_factory, environment):
    folder = tmp_path_factory.mktemp("demo")
    done = run(["offband", "demo", str(folder)], folder, environment)
    assert done.returncode == 0, done.stderr
    return folder


def run(command, folder, environment):
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1500, check=False
    )  # fmt: skip


def test_every_block_is_run_or_says_why_not():
    for document in DOCUMENTS:
        for block in blocks_of(document):
            assert block.language in (*RUN, *SHOWN), f"{document.name}, line {block.line}: {block.language!r}"
            assert not block.left_out or len(block.left_out.split()) > 2


def runnable():
    found = [d for d in DOCUMENTS if any(b.language in RUN and not b.left_out for b in blocks_of(d))]
    return [pytest.param(d, id=str(d.relative_to(ROOT))) for d in found]


@pytest.mark.parametrize("document", runnable())
def test_the_blocks_of_a_document_run_in_order(document, demo, environment, tmp_path):
    for name in ("study.toml", "inbox", "archive", "results"):
        (tmp_path / name).symlink_to(demo / name)
    seen = ""
    for block in blocks_of(document):
        if block.language not in RUN or block.left_out:
            continue
        if block.language == "python":
            seen += block.text + "\n"
            command = [sys.executable, "-c", seen]
        else:
            command = ["bash", "-euo", "pipefail", "-c", block.text.replace(CLONE, str(ROOT))]
        done = run(command, tmp_path, environment)
        said = f"{document.name}, line {block.line}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        assert done.returncode == 0, said
        seen = "" if "mkdir" in block.text else seen  # a block that makes folders is not run again by the next one


def test_the_tutorial_runs_and_says_what_it_says(tmp_path):
    import nbclient  # of the extra "docs", which `make test` does without
    import nbformat

    notebook = nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4)
    printed = [texts(cell) for cell in notebook.cells if cell.cell_type == "code"]
    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert [texts(cell) for cell in notebook.cells if cell.cell_type == "code"] == printed


def texts(cell):
    """What a cell printed, without times and places."""
    found = "".join(output.get("text", "") for output in cell.outputs if output.output_type == "stream")
    return re.sub(r"\d+(\.\d+)? s\b|/\S+", "…", found)


def test_the_pages_build_without_a_warning(tmp_path, environment):
    done = run([sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-c", "docs", "-d",
                str(tmp_path / "doctrees"), ".", str(tmp_path / "pages")], ROOT, environment)  # fmt: skip
    assert done.returncode == 0, done.stderr
    first = (tmp_path / "pages" / "docs" / "contents.html").read_text(encoding="utf-8")
    assert "Quickstart" in first
