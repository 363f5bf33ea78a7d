"""The grammar of chains: `"als(lam=1e5, p=0.01) | snv | savgol(window=11, order=2, deriv=1)"`."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spectral_core.errors import StudyError, offenders

Literal = int | float | str | bool | None


@dataclass(frozen=True)
class Step:
    """One element of a chain: a name and its arguments, every one of them named."""

    name: str
    arguments: tuple[tuple[str, Literal], ...]

    def __str__(self) -> str:
        inner = ", ".join(f"{key}={value!r}" for key, value in self.arguments)
        return f"{self.name}({inner})" if inner else self.name


def parse_chain(text: str, known: Mapping[str, Callable[..., Any]], *, where: str) -> tuple[Step, ...]:
    """Parse a chain and bind every argument to the parameter it names.

    Args:
        text: Elements separated by `|`; each a name, or a name with literal arguments.
        known: Name to callable; its signature says which arguments the element takes (defaults are
            left to the callable).
        where: Place named in errors.

    Returns:
        The elements in order, positional arguments resolved to names.

    Raises:
        StudyError: An empty or unparsable element, an unknown name (the known ones are listed), or
            arguments that the element does not take.

    Example:
        >>> def snv(): ...
        >>> def crop(low: float, high: float): ...
        >>> [str(s) for s in parse_chain("crop(1, high=2) | snv", {"snv": snv, "crop": crop}, where="x")]
        ['crop(low=1, high=2)', 'snv']
    """
    if not text.strip():
        raise StudyError(where, "a chain such as 'snv | savgol(11, 2, 1)'", "an empty text", "Name a step.")
    return tuple(_parse_element(part.strip(), known, f"{where} {text!r}") for part in text.split("|"))


def _parse_element(part: str, known: Mapping[str, Callable[..., Any]], where: str) -> Step:
    name, bracket, _ = part.partition("(")
    name = name.strip()
    if name not in known:
        raise StudyError(
            where, "one of " + ", ".join(sorted(known)), f"unknown {name!r}", "Correct the name or remove it."
        )
    # a hyphen is no part of a Python name: parse the brackets alone, under a stand-in name
    call = _parse_call("_" + part[part.index("(") :] if bracket else "_()", part, where)
    try:
        positional = [ast.literal_eval(a) for a in call.args]
        pairs = [(k.arg or "**", ast.literal_eval(k.value)) for k in call.keywords]
    except ValueError:
        raise StudyError(
            where, "plain numbers, texts, True or False as arguments", repr(part), "Write the values out."
        ) from None
    return Step(name, tuple(_bind(known[name], name, positional, pairs, where).items()))


def _parse_call(text: str, part: str, where: str) -> ast.Call:
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        node = None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise StudyError(where, "name or name(key=value, …)", repr(part), "Check brackets and commas.")
    return node


def _bind(
    function: Callable[..., Any], name: str, positional: list[Literal], pairs: list[tuple[str, Literal]], where: str
) -> dict[str, Literal]:
    parameters = [p for p in inspect.signature(function).parameters if not p.startswith("_")]
    takes = f"{name}({', '.join(parameters)})"
    named = dict(pairs)
    given = [*parameters[: len(positional)], *(key for key, _ in pairs)]
    unknown = [key for key in named if key not in parameters]
    twice = [key for key in parameters if given.count(key) > 1]
    if len(positional) > len(parameters) or unknown or twice:
        found = offenders(unknown or positional) if unknown or not twice else f"{offenders(twice)} twice"
        raise StudyError(where, f"arguments of {takes}", found, "Use the arguments the element takes.")
    bound = {**dict(zip(parameters, positional, strict=False)), **named}
    required = [
        p for p, v in inspect.signature(function).parameters.items()
        if v.default is inspect.Parameter.empty and p in parameters and p not in bound
    ]  # fmt: skip
    if required:
        raise StudyError(where, f"arguments of {takes}", f"no {offenders(required)}", "Give every one.")
    return bound
