"""A paragraph for the methods section of a paper, from what the report holds and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spectral_core.report.markup import Markup, join, tag
from spectral_core.report.typography import number

Part = Mapping[str, Any]
_SOURCES = (
    "Haufe et al. (2014). NeuroImage 87:96.",
    "Holm (1979). Scand. J. Stat. 6:65.",
    "Michelucci & Venturini (2026). Analyst. doi:10.1039/D6AN00346J",
    "Phipson & Smyth (2010). Stat. Appl. Genet. Mol. Biol. 9:39.",
    "Treder (2019). arXiv:1803.10016.",
    "Westfall & Young (1993). Resampling-based multiple testing. Wiley.",
)


def methods_html(report: Part) -> Markup | None:
    """Write the methods paragraph and its references; None for a report without design or settings."""
    if not report.get("design") or not report.get("settings"):
        return None
    said = " ".join([_spectra(report), _claim(report), _classifier(report), _inference(report), _outcome(report)])
    return join(
        tag("p", "To be adapted to the journal; every number is taken from this report.", class_="quiet"),
        tag("p", said, class_="methods"),
        tag("ul", *[tag("li", source) for source in _SOURCES], class_="literature"),
    )


def _spectra(report: Part) -> str:
    design = report["design"]
    sizes = _list(f"{name} ({number(of.get('units'))})" for name, of in (design.get("classes") or {}).items())
    units = (f"from {number(design.get('n_units'))} units (independent specimens)" if design.get("unit_declared")
             else "(each taken as independent, no specimens being declared)")  # fmt: skip
    batches = design.get("batches") or {}
    where = f", measured in {len(batches)} batches" if batches else ""
    return (f"{number(design.get('n_spectra'))} spectra of {number(design.get('n_channels'))} channels "
            f"{units}{where} were classified into {sizes}.")  # fmt: skip


def _claim(report: Part) -> str:
    regions = report.get("regions") or {}
    parts = []
    for key, words in (("bands", "The classes were declared to differ in"),
                       ("blanks", "Regions declared to carry no chemistry of the samples were")):  # fmt: skip
        if regions.get(key):
            unit = str(regions.get("axis_unit") or "").replace("cm-1", "cm⁻¹")
            parts.append(f"{words} {_list(_place(name, of, unit) for name, of in regions[key].items())}.")
    if regions.get("bands"):
        parts.append("Channels outside the bands and a guard of half a band's width on either side were taken as "
                     "off-band; every region was cut out before preprocessing.")  # fmt: skip
    chains = [str(v.get("variant")) for v in report.get("variants") or []]
    parts.append(f"Preprocessing, each step applied to one spectrum alone: {_list(chains, mark=True)}.")
    return " ".join(parts)


def _place(name: str, of: Any, unit: str) -> str:
    ends = of.get("interval") if isinstance(of, Mapping) else of
    if isinstance(ends, list | tuple) and len(ends) == 2:
        return f"{name} ({number(ends[0], digits=5)}–{number(ends[1], digits=5)} {unit})".replace(" )", ")")
    return name


def _classifier(report: Part) -> str:
    settings = report["settings"]
    kept = "units kept together" if report["design"].get("unit_declared") else "spectra drawn at random"
    probe = (
        "a ridge classifier on class indicators, whose penalty was set by the effective degrees of freedom without "
        "regard to labels, refitted in closed form for every fold and every labelling (Treder, 2019)"
    )
    models = {str(m.get("model")) for m in report.get("models") or []}
    beside = f" beside {_list(sorted(models))}" if models else ""
    return (f"Balanced accuracy was estimated by {number(settings.get('n_folds'))}-fold cross-validation with {kept}, "
            f"for {probe}{beside}: on the whole spectrum, the bands, the off-band channels, the blanks, and scalars "
            f"without chemistry (level, slope, curvature, noise), as far as declared.")  # fmt: skip


def _inference(report: Part) -> str:
    settings = report["settings"]
    several = bool(report["design"].get("batches"))
    batches, holm = (", anywhere and within batches", " and between the two kinds of permutation by Holm's method") \
        if several else ("", "")  # fmt: skip
    relevance = (" Relevance was read off patterns (Haufe et al., 2014) beside those of permuted labels."
                 if settings.get("maps") else "")  # fmt: skip
    return (f"Association was tested with {number(settings.get('n_permutations'))} permutations of the labels of "
            f"units{batches} (Phipson & Smyth, 2010), corrected over regions and variants by step-down maxT "
            f"(Westfall & Young, 1993){holm}; intervals are over units (α = {number(settings.get('alpha'))}). "
            f"A control was counted as good as the whole spectrum where the upper bound of the paired difference lay "
            f"below {number(settings.get('delta'))}.{relevance}")  # fmt: skip


def _outcome(report: Part) -> str:
    version = report.get("offband_version") or (report.get("versions") or {}).get("offband") or ""
    codes = [str(reason.get("code")) for reason in report.get("reasons") or []]
    why = f" ({_list(dict.fromkeys(codes))})" if codes else ""
    verdict, seed = str(report.get("verdict")).replace("_", " "), report["settings"].get("seed")
    return (f"The audit (offband {version}; after Michelucci & Venturini, 2026; seed {seed}) gave the verdict "
            f"“{verdict}”{why}.")  # fmt: skip


def _list(items: Any, *, mark: bool = False) -> str:
    words = [f"“{item}”" if mark else str(item) for item in items]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
