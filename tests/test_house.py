"""The house style, enforced over the syntax tree of every source file; each test quotes its sentence."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("spectral_core", "tasks", "flows", "deployments")
MAY_IMPORT = {"prefect": {"flows", "tasks"}, "mlflow": {"tasks"}}
SOURCES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))

Function = ast.FunctionDef | ast.AsyncFunctionDef
Rule = Callable[[str, ast.Module], Iterator[tuple[int, str]]]


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def decorated(function: Function, name: str) -> bool:
    """Whether a decorator is `name` or ends in it, as `io_task` does: with or without arguments."""
    plain = (node.func if isinstance(node, ast.Call) else node for node in function.decorator_list)
    return any(ast.unparse(node).replace("_", ".").split(".")[-1] == name for node in plain)


def called(node: ast.Call) -> str:
    return ast.unparse(node.func).split(".")[-1]


def imported(tree: ast.Module, package: str) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, at any depth, by statement or by `import_module`/`__import__`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            prefix = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{prefix}.{alias.name}".lstrip(".")) for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__"):
            written = node.args and isinstance(node.args[0], ast.Constant)
            yield node.lineno, str(ast.literal_eval(node.args[0])) if written else "<computed>"


def layering(where: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    package = where.replace("/", ".").rpartition(".py")[0].rpartition(".")[0]
    floor = package.split(".")[0]
    for line, module in imported(tree, package):
        top = module.split(".")[0]
        if module == "<computed>":
            yield line, "imports a computed name, which no test can follow"
        if top == "tests" or (top in FLOORS and FLOORS.index(top) > FLOORS.index(floor)):
            yield line, f"{floor} imports {module}"
        if floor not in MAY_IMPORT.get(top, {floor}):
            yield line, f"{floor} imports {module}: {top} belongs in {sorted(MAY_IMPORT[top])}"


def short_functions(where: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    for function in functions(tree):
        if (lines := body_lines(function)) > 40:
            yield function.lineno, f"{function.name} has a body of {lines} lines"


def flows_are_tables_of_contents(where: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    reading = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "mkdir", "unlink", "rename"}
    for flow in (function for function in functions(tree) if decorated(function, "flow")):
        if (lines := body_lines(flow)) > 40:
            yield flow.lineno, f"flow {flow.name} has a body of {lines} lines"
        for node in ast.walk(flow):
            if isinstance(node, ast.Try | ast.TryStar):
                yield node.lineno, f"flow {flow.name} has a try"
            if isinstance(node, ast.Call) and called(node) in reading:
                yield node.lineno, f"flow {flow.name} does I/O: {ast.unparse(node.func)}"
            if isinstance(node, ast.Name) and node.id in ("np", "numpy", "xr", "pd"):
                yield node.lineno, f"flow {flow.name} computes with {node.id}"


def tasks_are_adapters(where: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    for task in (function for function in functions(tree) if decorated(function, "task")):
        if (lines := body_lines(task)) > 15:
            yield task.lineno, f"task {task.name} has a body of {lines} lines"


def retries_are_declared_once(where: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    policies = {"retries", "retry_delay_seconds", "retry_condition_fn", "cache_policy", "cache_key_fn"}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in policies and where != "tasks/policy.py":
            yield node.value.lineno, f"declares {node.arg} outside tasks/policy.py"


def errors_are_honest(where: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield node.lineno, "assert"
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            blanket = {"None", "Exception", "BaseException"} & {ast.unparse(c) if c else "None" for c in caught}
            passes_on = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            if blanket and not passes_on:
                yield node.lineno, "blanket except"


def nothing_runs_from_data(where: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    modules = {"pickle", "cPickle", "cloudpickle", "dill", "shelve", "marshal"}
    calls = {"eval", "exec", "joblib.load", "torch.load", "yaml.load", "yaml.load_all", "yaml.full_load",
             "yaml.unsafe_load"}  # fmt: skip
    for line, module in imported(tree, where):
        if module.split(".")[0] in modules or module in calls:
            yield line, f"imports {module}"
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        if name in calls or name.endswith(("read_pickle", "to_pickle")):
            yield call.lineno, f"calls {name}"
        if any(k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in call.keywords):
            yield call.lineno, f"{name} with allow_pickle"


def seeds_are_asked_for(where: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    for function in functions(tree):
        given = function.args
        positional = [*given.posonlyargs, *given.args]
        defaulted = positional[len(positional) - len(given.defaults) :]
        named = [a for a, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is not None]
        if any(argument.arg in ("seed", "random_state") for argument in [*defaulted, *named]):
            yield function.lineno, f"{function.name} has a default seed"


def offenders(rule: Rule) -> list[str]:
    found = []
    for path in SOURCES:
        where = path.relative_to(ROOT).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=where)
        found += [f"{where}:{line}: {what}" for line, what in rule(where, tree)]
    return found


SENTENCES: dict[Rule, str] = {
    layering: "Architecture in one sentence: deployments → flows → tasks → spectral_core. Prefect may be "
    "imported only in flows/ and tasks/, MLflow only in tasks/.",
    short_functions: "Function bodies about 12 lines, 40 at most.",
    flows_are_tables_of_contents: "A flow is a table of contents: at most 40 lines, no numerics, no I/O, "
    "no try/except.",
    tasks_are_adapters: "A task is an adapter of at most 15 lines.",
    retries_are_declared_once: "Retries and caching are declared once, with the reason; only I/O is retried.",
    errors_are_honest: "Errors say where, expected, found and the remedy; no bare `except Exception`.",
    nothing_runs_from_data: "No pickles to trust: no pickle is read, nothing read is executed.",
    seeds_are_asked_for: "No silent default for seed.",
}

BROKEN: list[tuple[Rule, str, str]] = [
    (layering, "tasks/a.py", "import flows"),
    (layering, "spectral_core/a.py", "def f():\n    from tasks import ingest"),
    (layering, "spectral_core/a.py", "import importlib\nimportlib.import_module('mlflow.sklearn')"),
    (layering, "spectral_core/probe/a.py", "from ... import tasks"),
    (layering, "spectral_core/a.py", "from importlib import import_module\nimport_module(name)"),
    (layering, "flows/a.py", "import mlflow.sklearn as m"),
    (layering, "deployments/a.py", "from prefect import serve"),
    (layering, "spectral_core/a.py", "__import__('prefect')"),
    (layering, "flows/a.py", "from tests.core import simulate"),
    (short_functions, "tasks/a.py", "def f():\n    'doc'\n" + "    x = 1\n" * 41),
    (flows_are_tables_of_contents, "flows/a.py", "@flow()\ndef f():\n    try: g()\n    finally: ..."),
    (flows_are_tables_of_contents, "flows/a.py", "@prefect.flow\ndef f(path):\n    path.write_text('')"),
    (flows_are_tables_of_contents, "flows/a.py", "@flow\ndef f(x):\n    return np.mean(x)"),
    (tasks_are_adapters, "tasks/a.py", "@task\nasync def f():\n" + "    x = 1\n" * 16),
    (tasks_are_adapters, "tasks/a.py", "@policy.io_task(name='a')\ndef f():\n" + "    x = 1\n" * 16),
    (retries_are_declared_once, "tasks/a.py", "@task(retries=3)\ndef f(): ..."),
    (errors_are_honest, "tasks/a.py", "assert x"),
    (errors_are_honest, "tasks/a.py", "try:\n    f()\nexcept (KeyError, Exception) as e:\n    log(e)"),
    (errors_are_honest, "tasks/a.py", "try:\n    f()\nexcept:\n    pass"),
    (nothing_runs_from_data, "tasks/a.py", "def f():\n    import pickle"),
    (nothing_runs_from_data, "tasks/a.py", "from joblib import load"),
    (nothing_runs_from_data, "tasks/a.py", "np.load(p, allow_pickle=True)"),
    (nothing_runs_from_data, "tasks/a.py", "yaml.load(text)"),
    (nothing_runs_from_data, "tasks/a.py", "eval('1')"),
    (seeds_are_asked_for, "spectral_core/a.py", "def f(x, *, seed=0): ..."),
    (seeds_are_asked_for, "spectral_core/a.py", "def f(x, seed=0): ..."),
]  # fmt: skip

KEPT: list[tuple[Rule, str, str]] = [
    (layering, "flows/a.py", "import tasks.audit, spectral_core.study, prefect"),
    (layering, "spectral_core/probe/a.py", "from .. import splits"),
    (layering, "tasks/a.py", "def f():\n    import mlflow"),
    (short_functions, "tasks/a.py", 'def f():\n    """doc\n' + "\n" * 50 + '    """\n' + "    x = 1\n" * 40),
    (tasks_are_adapters, "tasks/a.py", "def not_a_task():\n" + "    x = 1\n" * 16),
    (retries_are_declared_once, "tasks/policy.py", "task(retries=2)"),
    (errors_are_honest, "tasks/a.py", "try:\n    f()\nexcept BaseException:\n    clean()\n    raise"),
    (nothing_runs_from_data, "tasks/a.py", "model.eval()\nnp.load(p, allow_pickle=False)\nyaml.safe_load(t)"),
    (seeds_are_asked_for, "spectral_core/a.py", "def f(x, *, seed, n=1): ..."),
]


@pytest.mark.parametrize("rule", SENTENCES, ids=lambda rule: rule.__name__)
def test_every_source_file_keeps(rule: Rule) -> None:
    found = offenders(rule)
    assert not found, f"{SENTENCES[rule]}\n" + "\n".join(found)


@pytest.mark.parametrize(("rule", "where", "source"), BROKEN)
def test_a_planted_offence_is_found(rule: Rule, where: str, source: str) -> None:
    assert list(rule(where, ast.parse(source)))


@pytest.mark.parametrize(("rule", "where", "source"), KEPT)
def test_a_file_that_keeps_the_rule_is_left_alone(rule: Rule, where: str, source: str) -> None:
    assert not list(rule(where, ast.parse(source)))


def test_files_have_300_lines_at_most() -> None:
    """Files: about 120 lines in the middle, 300 at most."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    long = [f"{path.relative_to(ROOT)}: {n} lines" for path, n in lengths.items() if n > 300]
    assert not long, "Files: about 120 lines in the middle, 300 at most.\n" + "\n".join(long)


def test_names_are_nouns_or_verbs_of_spectroscopy_and_statistics() -> None:
    """No utils, helpers, common, manager, base."""
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
    found = [str(p.relative_to(ROOT)) for p in SOURCES if vague & set(p.relative_to(ROOT).with_suffix("").parts)]
    assert not found, "No utils, helpers, common, manager, base.\n" + "\n".join(found)


def test_these_rules_see_the_flows_and_tasks_of_the_design() -> None:
    """Flows ingest, preprocess, train, audit, and `pipeline` which chains them."""
    for kind, floor, wanted in (
        ("flow", "flows", ("ingest", "preprocess", "train", "audit", "pipeline")),
        ("task", "tasks", ("ingest", "material", "train", "audit")),
    ):
        trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / floor).rglob("*.py")]
        seen = {function.name for tree in trees for function in functions(tree) if decorated(function, kind)}
        missing = [name for name in wanted if not any(name in function for function in seen)]
        assert not missing, f"no @{kind} function named after {missing}; seen: {sorted(seen)}"
