"""The documents say what the code does: README executed, every key, code and link looked up."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.command_line import app
from flows.options import Verdict
from spectral_core.models import CLASSIFIERS
from spectral_core.preprocessing.fitted import FITTED
from spectral_core.preprocessing.steps import STEPS
from spectral_core.study import Study
from spectral_core.study_reference import renewed
from spectral_core.verdict import VERDICTS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))

# the public, stable codes of the specification, written out: a code that changes breaks somebody's automation
REASONS = {
    "artefact": {"replicate_leakage", "batch_confounded", "blank_sufficient", "nuisance_sufficient"},
    "no_signal": {"no_association"},
    "unexplained": {"off_band_sufficient", "bands_not_privileged"},
    "supported": set(),
    "inconclusive": {
        "unit_undeclared", "too_few_units", "class_aliased_with_batch", "bands_undeclared", "underpowered",
    },
}  # fmt: skip
CAVEATS = {
    "off_band_signal", "blank_signal", "nuisance_signal", "bands_insufficient", "preprocessing_carried",
    "batch_predictable", "relevance_off_band", "capacity_saturated", "accuracy_optimistic",
    "variant_dependent", "blank_undeclared", "same_class_separable", "order_signal", "metadata_signal",
    "batch_unstated", "copied_spectra", "normalised_beforehand", "gain_signal", "shift_signal",
    "baseline_signal", "saturation_signal",
}  # fmt: skip
NOT_COMPUTED_YET: set[str] = set()


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(path), flags=re.DOTALL | re.MULTILINE)


def signature(takes: Callable[..., Any]) -> str:
    """A call with every argument: its name, and its default where it has one."""
    arguments = [
        p.name if p.default is p.empty else f"{p.name}={p.default!r}"
        for p in inspect.signature(takes).parameters.values()
        if not p.name.startswith("_")
    ]
    return ast.unparse(ast.parse(f"f({', '.join(arguments)})"))


def test_the_python_of_the_readme_runs_and_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """README executed."""
    monkeypatch.chdir(tmp_path)
    sources = blocks(ROOT / "README.md", "python")
    assert sources
    for source in sources:
        promised = re.findall(r"^print\(.*\)  # (.+)$", source, flags=re.MULTILINE)
        exec(compile(source, "README.md", "exec"), {"__name__": "__main__"})
        assert promised and capsys.readouterr().out.splitlines() == promised


def test_the_tables_of_the_study_are_those_of_the_code() -> None:
    """The study reference is generated from the schema."""
    page = text_of(ROOT / "docs" / "study.md")
    assert renewed(page, Study.model_json_schema()) == page, (
        "docs/study.md is not what the code says: run make reference"
    )


def test_every_step_and_model_is_documented_with_its_arguments() -> None:
    """An unknown step names the known ones; these are the known ones."""
    rows = re.findall(r"^\| `([a-z_-]+)\((.*?)\)` \| \S", text_of(ROOT / "docs" / "study.md"), re.MULTILINE)
    written = {name: ast.unparse(ast.parse(f"f({arguments})")) for name, arguments in rows}
    assert written == {name: signature(take) for name, take in {**STEPS, **FITTED, **CLASSIFIERS}.items()}


def test_every_command_in_the_documents_exists() -> None:
    """Every command has `--help` with an example."""
    commands = {str(command.name or getattr(command.callback, "__name__", "")) for command in app.registered_commands}
    for path in DOCUMENTS:
        shell = "".join(blocks(path, "sh"))
        named = set(re.findall(r"`offband ([a-z]+)", text_of(path)) + re.findall(r"\boffband ([a-z]+)$", shell, re.M))
        assert named <= commands, f"{path.relative_to(ROOT)}: {sorted(named - commands)}"


def test_every_verdict_and_code_of_the_specification_is_documented() -> None:
    """Five verdicts; codes are public and stable."""
    documented: dict[str, set[str]] = {}
    text, _, table = text_of(ROOT / "docs" / "verdicts.md").partition("\n## Caveats")
    for level, code in re.findall(r"^(##|###) `([a-z_]+)`$", text, flags=re.MULTILINE):
        if level == "##":
            documented[code] = set()
        else:
            documented[list(documented)[-1]].add(code)
    assert documented == REASONS
    assert set(re.findall(r"^\| `([a-z_]+)` \|", table, flags=re.MULTILINE)) == CAVEATS


def codes_with_a_message() -> set[str]:
    """Keys of the tables of sentences, and the codes of messages made by hand."""
    written: list[ast.AST] = []
    for path in (ROOT / "spectral_core").glob("*.py"):
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict):
                written += [key for key in node.value.keys if key and "SENTENCES" in ast.unparse(node.target)]
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Message":
                written += node.args[:1]
            if isinstance(node, ast.Compare) and ast.unparse(node.left) == "code":
                written += node.comparators
    return {str(code.value) for code in written if isinstance(code, ast.Constant)}


def test_the_code_knows_these_verdicts_and_codes_and_no_other() -> None:
    """Codes are public and stable; every reason and caveat carries a message."""
    assert set(VERDICTS) == set(REASONS) == {verdict.value for verdict in Verdict}
    assert codes_with_a_message() == CAVEATS.union(*REASONS.values()) - NOT_COMPUTED_YET


def test_every_reason_says_what_it_means_what_triggers_it_and_what_to_do() -> None:
    """Every reason and caveat carries a message a chemist can act on."""
    sections = re.split(r"^### ", text_of(ROOT / "docs" / "verdicts.md"), flags=re.MULTILINE)[1:]
    for section in sections:
        body = section.partition("\n## ")[0]
        assert re.findall(r"^- (Means|Triggered by|What to do): \S", body, flags=re.MULTILINE) == [
            "Means", "Triggered by", "What to do",
        ], body.splitlines()[0]  # fmt: skip


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    """A reader follows links."""
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", re.sub(r"```.*?```", "", text_of(path), flags=re.DOTALL))
    missing = [t for t in targets if "://" not in t and not (path.parent / t).exists()]
    assert not missing, f"{path.relative_to(ROOT)}: no such file {missing}"


def test_the_index_names_every_document() -> None:
    index = text_of(ROOT / "docs" / "index.md")
    unnamed = [path.name for path in sorted((ROOT / "docs").glob("*.md")) if f"({path.name})" not in index]
    assert unnamed == ["index.md"]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_one_page_with_its_sections_and_its_cost(path: Path) -> None:
    """One-page decision records with negative consequences."""
    text = text_of(path)
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+", path.stem), "the name is NNNN-short-name.md"
    assert text.startswith(f"# {path.stem[:4]}: "), "the title repeats the number"
    assert re.search(r"^Status: (proposed|accepted|superseded by \d{4})", text, flags=re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert "- Bad: " in text.partition("## Consequences")[2], "consequences name the cost, as '- Bad: …'"
    assert len(text.splitlines()) <= 60, "one page"


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(path.stem[:4]) for path in DECISIONS] == list(range(len(DECISIONS)))
