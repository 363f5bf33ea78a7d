"""docs/calibration.md: what a calibration run found, in tables, with the prose that explains them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from spectral_core.verdict import VERDICTS
from tests.calibration.acceptance import clopper_pearson, uniform_p
from tests.calibration.attacks import HELD, OPEN, OpenAttack
from tests.calibration.coverage import BOOTSTRAPPED, RESAMPLES, SETS, Coverage, Population
from tests.calibration.nulls import NULLS, Null
from tests.calibration.prose import PARTS
from tests.calibration.relevance import PLACES, Place
from tests.calibration.scenarios import SCENARIOS, Scenario
from tests.calibration.trial import Outcome

Covered = tuple[Coverage, Coverage, Coverage, Coverage]


@dataclass
class Findings:
    """Rows of each table, by name; `complete` when every part was measured."""

    nulls: dict[str, list[str]] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    wrongly_supported: dict[str, tuple[int, int]] = field(default_factory=dict)
    open_attacks: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    power: dict[tuple[float, int], str] = field(default_factory=dict)
    coverage: list[str] = field(default_factory=list)
    covering: tuple[int, int] = (0, 0)
    population: dict[tuple[float, int], str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every part was measured."""
        return (
            len(self.nulls) == len(NULLS)
            and len(self.verdicts) == len(SCENARIOS) + len(HELD)
            and len(self.open_attacks) == len(OPEN)
            and len(self.places) == len(PLACES)
            and len(self.power) == len(self.population) == 8
            and bool(self.coverage)
        )

    def add_null(self, null: Null, outcomes: Sequence[Outcome]) -> dict[str, list[float]]:
        """Record a null study; give its p-values that are under their null hypothesis, by name."""
        names = sorted({name for outcome in outcomes for name in outcome.p})
        p = {n: [o.p[n] for o in outcomes if n in o.p] for n in names if null.asks(n)}
        errors = "–" if null.within_only else _share(sum(o.smallest_adjusted <= 0.05 for o in outcomes), len(outcomes))
        supported = _share(sum(o.verdict == "supported" for o in outcomes), len(outcomes))
        self.nulls[null.study.name] = [
            _row(null.study.name, name, len(values), _share(sum(v <= 0.05 for v in values), len(values)),
                 f"{uniform_p(values, null.study.permutations):.2g}", errors, supported)
            for name, values in p.items()
        ]  # fmt: skip
        self.wrongly_supported[null.study.name] = (sum(o.verdict == "supported" for o in outcomes), len(outcomes))
        return p

    def add_scenario(self, scenario: Scenario, outcomes: Sequence[Outcome]) -> None:
        """Record a scenario."""
        self.verdicts[scenario.name] = _verdict_row(scenario, outcomes)
        wrong = sum(map(scenario.wrongly_supported, outcomes))
        self.wrongly_supported[scenario.name] = (wrong, len(outcomes))

    def add_open(self, attack: OpenAttack, outcomes: Sequence[Outcome]) -> None:
        """Record an attack that succeeds, with its diagnosis."""
        counts = Counter(outcome.verdict for outcome in outcomes)
        told = ", ".join(f"`{verdict}` {_percent(n, len(outcomes))}" for verdict, n in counts.most_common())
        scenario = attack.scenario
        self.open_attacks[scenario.name] = (
            f"- **{scenario.name}** ({scenario.why}; {len(outcomes)} seeds): {told}; right would be "
            f"{_right(scenario)}.\n  Why: {attack.diagnosis}\n  What would mend it: {attack.remedy}"
        )

    def add_place(self, place: Place, outcomes: Sequence[Outcome]) -> tuple[int, int]:
        """Record how often the caveat was said; give that number and that of audits above chance."""
        asked = [outcome for outcome in outcomes if outcome.above_chance]
        said = sum("relevance_off_band" in outcome.caveats for outcome in asked)
        promised = {"rare": "≤ .05", "usual": "≥ .95", "": "–"}[place.promised]
        self.places[place.study.name] = _row(
            place.study.name.removeprefix("relevance, "), place.where, len(outcomes), len(asked),
            _share(said, len(asked)), promised,
        )  # fmt: skip
        return said, len(asked)

    def add_power(self, effect: float, n: int, outcomes: Sequence[Outcome]) -> None:
        """Record the shares of verdicts at one number of units."""
        mean = float(np.mean([o.estimates["full"][0] for o in outcomes]))
        self.power[effect, n] = _row(f"{effect:g}", n, f"{mean:.2f}", *_shares(outcomes))

    def add_coverage(self, measured: Iterable[tuple[Population, Covered]]) -> None:
        """Record the coverage of intervals in each population."""
        rows = list(measured)
        self.coverage = [
            _row(f"{p.accuracy:g}, {p.other:g}", _units(p), p.replicates, *map(_covered, found)) for p, found in rows
        ]
        accuracies, differences = (sum(0.93 <= found[i].interval <= 0.97 for _, found in rows) for i in (0, 1))
        self.covering = (accuracies, differences)

    def add_population(self, effect: float, n: int, outcomes: Sequence[Outcome]) -> None:
        """Record how often intervals held the mean over data sets."""
        cells = [f"{share:.3f} of {mean:+.2f}" for share, mean in (
            covered_population(outcomes, name) for name in ("full", "off_band", "full − off_band")
        )]  # fmt: skip
        self.population[effect, n] = _row(f"{effect:g}", n, len(outcomes), *cells)


def covered_population(outcomes: Sequence[Outcome], name: str) -> tuple[float, float]:
    """Compute the share of intervals that hold the mean estimate over all data sets, and that mean."""
    values, low, high = np.array([outcome.estimates[name] for outcome in outcomes]).T
    mean = float(values.mean())
    return float(((low <= mean) & (mean <= high)).mean()), mean


def write(found: Findings) -> str:
    """Write the document."""
    wrong, trials = np.sum(list(found.wrongly_supported.values()), axis=0)
    low, high = clopper_pearson(int(wrong), int(trials))
    facts = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "version": version("offband"), "numpy": version("numpy"),
        "scipy": version("scipy"), "sets": SETS,
        "covering": found.covering[0], "covering_differences": found.covering[1], "rows": len(found.coverage),
        "resamples": RESAMPLES, "bootstrapped": BOOTSTRAPPED, "wrong": int(wrong), "trials": int(trials),
        "low": f"{100 * low:.2f}", "high": f"{100 * high:.2f}", "nulls": len(NULLS), "open": len(OPEN),
    }  # fmt: skip
    tables = {
        "null_rows": _in_order(found.nulls, (n.study.name for n in NULLS)),
        "scenario_rows": _in_order(found.verdicts, (s.name for s in SCENARIOS)),
        "attack_rows": _in_order(found.verdicts, (s.name for s in HELD)),
        "open_rows": _in_order(found.open_attacks, (a.scenario.name for a in OPEN)),
        "place_rows": _in_order(found.places, (p.study.name for p in PLACES)),
        "power_rows": "\n".join(found.power[key] for key in sorted(found.power)),
        "coverage_rows": "\n".join(found.coverage),
        "population_rows": "\n".join(found.population[key] for key in sorted(found.population)),
        "verdicts": " | ".join(VERDICTS),
    }
    return "\n".join(part.format(**facts, **tables) for part in PARTS)


def _in_order(rows: dict[str, list[str]] | dict[str, str], names: Iterable[str]) -> str:
    return "\n".join("\n".join(r) if isinstance(r := rows[name], list) else r for name in names)


def _verdict_row(scenario: Scenario, outcomes: Sequence[Outcome]) -> str:
    held = sum(map(scenario.holds, outcomes))
    told = _right(scenario) + (f" with `{scenario.caveat}`" if scenario.caveat else "")
    return _row(scenario.point, scenario.name, told, scenario.why, len(outcomes), _percent(held, len(outcomes)),
                *_shares(outcomes))  # fmt: skip


def _right(scenario: Scenario) -> str:
    return " or ".join(f"`{verdict}`" for verdict in scenario.right)


def _shares(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for verdict in VERDICTS:
        yield _percent(sum(outcome.verdict == verdict for outcome in outcomes), len(outcomes))


def _percent(hits: int, trials: int) -> str:
    return f"{100 * hits / trials:.0f} %"


def _share(hits: int, trials: int) -> str:
    low, high = clopper_pearson(hits, trials)
    return f"{hits / trials:.3f} ({low:.3f}–{high:.3f})"


def _covered(coverage: Coverage) -> str:
    return f"{coverage.interval:.3f} · {coverage.at_least:.3f} · {coverage.at_most:.3f}"


def _units(population: Population) -> str:
    return "/".join(str(n) for n in population.units)


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
