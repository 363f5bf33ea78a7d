"""Cost of an action, the rate of the machine, and the sections of docs/benchmarks.md that runs renew."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
ROUNDS = 5


@dataclass(frozen=True)
class Cost:
    cpu: float
    wall: float

    def times(self, factor):
        return Cost(self.cpu * factor, self.wall * factor)


def cost(action):
    cpu, wall = time.process_time(), time.perf_counter()
    action()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)


def alternate(actions, rounds=ROUNDS):
    """Time all actions in turn, round after round; median CPU and wall seconds of each."""
    seen = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            seen[name].append(cost(action))
    return {name: Cost(*np.median([(c.cpu, c.wall) for c in costs], axis=0)) for name, costs in seen.items()}


def product_rate():
    """Multiply-and-adds a second, times two, of a 1,000 × 1,000 float64 product on one thread."""
    a = np.random.default_rng(0).normal(size=(1000, 1000))
    a @ a
    return 2e9 / np.median([cost(lambda: a @ a).cpu for _ in range(7)])


def machine(rate):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"Machine: {cores} cores, float64 matrix product {rate / 1e9:.0f} GFLOP/s on one thread; one BLAS thread."


def writing():
    return os.environ.get("OFFBAND_WRITE_BENCHMARKS") == "1"


def renew(section, lines):
    """Put a section between its marks; the rest of the page stays."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    fresh = f"{begin}\n\n" + "\n".join(lines) + f"\n\n{end}"
    page = PAGE.read_text(encoding="utf-8")
    marked = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    assert marked.search(page), f"{PAGE.name} has lost the marks of the section {section!r}"
    PAGE.write_text(marked.sub(lambda _: fresh, page), encoding="utf-8")
