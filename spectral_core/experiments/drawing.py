"""How figures look: one colour for one thing throughout, from a palette that colour-blind readers tell apart.

The colours are those of Okabe & Ito (Color Universal Design, 2008); every line also has a marker of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectral_core.experiments.results import Estimate

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PURPLE, GREY = (
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#b8a500", "#0072b2", "#d55e00", "#cc79a7", "#7f7f7f",
)  # fmt: skip
COLOURS: Mapping[str, str] = {
    # parts of the axis
    "full": BLACK, "bands": BLUE, "off-band": ORANGE, "blank": RED, "residual": GREEN,
    "norm of the blank": YELLOW,
    # models
    "ridge": BLACK, "norm alone": RED, "SVM (RBF)": PURPLE, "naive Bayes": GREEN, "mean difference": BLUE,
    # order of work, folds, sampling
    "crop first": BLUE, "preprocess first": ORANGE, "unit folds": BLACK, "random folds": SKY,
    "binning": BLUE, "decimation": ORANGE, "fixed for a spectrum": BLUE, "fixed for a channel": ORANGE,
    # orders of preprocessing
    "baseline first": BLUE, "normalise first": ORANGE, "derivative first": GREEN,
    # where accuracy comes from
    "chemistry": BLUE, "artefact": ORANGE, "other noise": PURPLE, "own noise": GREY,
    # verdicts
    "supported": BLUE, "unexplained": SKY, "artefact verdict": RED, "inconclusive": GREY, "no_signal": "#d0d0d0",
    # what theory and chance say
    "law": GREY, "chance": GREY,
}  # fmt: skip
SHADES = ("#8fd0f5", "#2f8fc9", "#00528a", "#00243d")
"""Sizes of a difference, from small to large."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")


def new_figure(
    across: int, down: int = 1, *, width: float = 4.2, height: float = 3.1, dpi: int = 100
) -> tuple[Figure, list[Axes]]:
    """Make a figure with panels side by side, as a list row by row."""
    figure = Figure(figsize=(width * across, height * down + 0.5), dpi=dpi, layout="constrained")
    panels: list[Axes] = list(figure.subplots(down, across, squeeze=False).ravel())
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8)
    return figure, panels


def draw_estimates(
    panel: Axes, x: Sequence[float], estimates: Sequence[Estimate], *, label: str, colour: str, marker: str = "o",
    dashed: bool = False,
) -> None:  # fmt: skip
    """Draw means over seeds with bars of two standard errors."""
    panel.errorbar(
        x, [e.mean for e in estimates], [2 * e.error for e in estimates], color=colour, marker=marker, markersize=4,
        linewidth=1.2, linestyle="--" if dashed else "-", capsize=2, label=label,
    )  # fmt: skip


def draw_law(panel: Axes, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], *, label: str | None = None) -> None:
    """Draw what a formula says."""
    panel.plot(x, y, color=COLOURS["law"], linewidth=3.2, alpha=0.45, zorder=0, label=label)


def accuracy_axis(panel: Axes, *, low: float = 0.4, chance: float = 0.5, what: str = "balanced accuracy") -> None:
    """Show accuracies from a little below chance to 1, chance as a dotted line."""
    panel.set_ylim(low, 1.05)
    panel.axhline(chance, color=COLOURS["chance"], linewidth=0.8, linestyle=":")
    panel.set_ylabel(what, fontsize=9)


def channels_axis(panel: Axes, shown: Sequence[float], *, what: str = "channels d") -> None:
    """Show numbers of channels on a logarithmic axis, those that were measured written out."""
    panel.set_xscale("log", base=2)
    panel.set_xlabel(what, fontsize=9)
    panel.set_xticks(list(shown), [f"{value:,.0f}" for value in shown])
    panel.minorticks_off()


def legend_below(figure: Figure, panel: Axes, *, columns: int = 4) -> None:
    """Put one legend for all panels below them, where it covers nothing."""
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8, frameon=False)


def draw_matrix(
    panel: Axes, values: npt.NDArray[np.float64], *, rows: Sequence[str], columns: Sequence[str], low: float,
    high: float,
) -> None:  # fmt: skip
    """Draw a table of accuracies or shares as shaded cells with their numbers."""
    panel.imshow(values, vmin=low, vmax=high, cmap="cividis", aspect="auto")
    panel.set_xticks(range(len(columns)), list(columns), rotation=35, ha="right", fontsize=8)
    panel.set_yticks(range(len(rows)), list(rows), fontsize=8)
    panel.spines[:].set_visible(False)
    middle = (low + high) / 2
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "white" if value < middle else "black"
            panel.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7.5, color=colour)
