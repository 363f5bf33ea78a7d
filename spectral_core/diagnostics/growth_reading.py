"""What growth curves say, in one sentence, and what they take for granted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spectral_core.diagnostics.growth_laws import LEAST_BETA, MOST_BETA, MOST_TAILS, GrowthFit
from spectral_core.diagnostics.result import Assumption

Key = tuple[str, str]  # order and region
_ALPHA = 0.05
_MIDDLE = 0.5  # exponents below it are nearer to 0, above it nearer to 1
_NAMES: dict[Key, str] = {
    ("binning", "full"): "binning, which keeps the photons,",
    ("decimation", "in-band"): "in-band channels",
    ("decimation", "off-band"): "off-band channels",
    ("decimation", "high-frequency residual"): "the high-frequency residual",
}
_SCORE = "held-out score"
_OPENING = "with more evenly spaced channels (β is the power of their number with which separability grows)"


def read_growth(fits: Mapping[Key, Mapping[str, GrowthFit]]) -> str:
    """Say how fast separability grows along evenly spaced channels, and beside it binning and the regions."""
    leading = fits.get(("decimation", "full"), {})
    if not leading:
        return "cannot be given, because there are too few channels to see a growth"
    paths = sorted((path for path in leading if path != "total"), key=lambda path: -leading[path].channels[-1])
    rates = [f"the {path} {_rate(path, leading[path])}" for path in paths]
    alike = [_likeness(path, leading[path]) for path in paths]
    # what holds for two paths in turn is said after the second
    said = [rate if like == after else rate + like
            for rate, like, after in zip(rates, alike, [*alike[1:], ""], strict=True)]  # fmt: skip
    compared = next(iter(leading))  # the mean term where covariances can be estimated, else the held-out score
    others = [f"{name} {_exponent(compared, fits[key][compared])}" for key, name in _NAMES.items()
              if compared in fits.get(key, {})]  # fmt: skip
    besides = f". For the {compared} elsewhere: {'; '.join(others)}" if others else ""
    told = f"{_OPENING} {'. '.join([said[0], *(more[:1].upper() + more[1:] for more in said[1:])])}{besides}"
    if "covariance term" in leading and not leading["covariance term"].gaussian:
        told += f". {_tails(leading['covariance term'])}"
    if not leading[compared].laws:
        return told
    low, high = leading[compared].permuted_low, leading[compared].permuted_high
    return f"{told}. Permuted labels give exponents β from {low:.1f} to {high:.1f}"


def _tails(fit: GrowthFit) -> str:
    """Say why the heights of covariance term and total are no distances."""
    kind = "heavier" if fit.tails > 0 else "lighter"
    return (f"The tails of a class are {kind} than those of a Gaussian (its kurtosis is {abs(fit.tails):.0f} standard "
            f"errors off), which lies in covariance term and total as {'more' if fit.tails > 0 else 'less'} distance: "
            "compare them with permuted labels only; affinity, Hellinger distance and error bounds "
            "are withheld")  # fmt: skip


def _rate(path: str, fit: GrowthFit) -> str:
    if fit.band.p > _ALPHA:
        over = f"over {fit.channels[0]:,} to {fit.channels[-1]:,} channels"
        return f"stays where permuted labels are {over} (p = {fit.band.p:.2g})"
    told = []
    if fit.laws:
        over = f"over {fit.channels[0]:,} to {fit.channels[fit.fitted - 1]:,} channels"
        told.append(f"{'grows' if fit.beta >= 0 else 'falls'} {over}, {_exponent(path, fit)}")
    if any(fit.bounds):
        told.append(f"tells every pair of units apart from {fit.channels[fit.fitted]:,} channels on, and so many "
                    "units can show no more")  # fmt: skip
    return ", and ".join(told)


def _exponent(path: str, fit: GrowthFit) -> str:
    """Say β; scores of units left out are not learnt anew for its interval."""
    if fit.band.p > _ALPHA:
        return f"no more than permuted labels (p = {fit.band.p:.2g})"
    if not fit.laws:
        return f"every pair of units apart from {fit.channels[fit.fitted]:,} channels on"
    if fit.beta_low >= MOST_BETA or fit.beta_high <= LEAST_BETA:
        return f"β = {fit.beta:.0f} or {'more' if fit.beta > 0 else 'less'}"
    over = "" if LEAST_BETA < fit.beta < MOST_BETA else ", the end of the search"
    over += " over units to classify only" if path == _SCORE else ""
    return f"β = {fit.beta:.2f} ({fit.beta_low:.2f} to {fit.beta_high:.2f}{over})"


def _likeness(path: str, fit: GrowthFit) -> str:
    """What an exponent resembles; a score that stops growing tells of the units it learns from, not of the classes."""
    if fit.band.p > _ALPHA or not fit.laws or any(fit.bounds):
        return ""
    if fit.beta == LEAST_BETA or fit.beta_high < 0:
        return ": it falls, and more channels only hide what few of them show"
    if fit.beta_low > 1.0:
        return (": faster than the channels, as where they begin to reach a narrow difference or to cancel variation "
                "that they share; no rate is seen")  # fmt: skip
    if fit.beta_low > _MIDDLE:
        return ": nearer to unbounded separability (β = 1) than to a bounded one (β = 0)"
    if fit.beta_high < _MIDDLE and path == _SCORE:
        return ": more channels add little to what so many units teach, and the classes may still part further"
    if fit.beta_high < _MIDDLE:
        return ": as classes do that stay equivalent (β = 0), not that separate without bound (β = 1)"
    return ": open whether it is bounded (β = 0) or not (β = 1)"


def state_growth(fits: Mapping[Key, Mapping[str, GrowthFit]]) -> tuple[Assumption, ...]:
    """State what the curves need, and check the tails of the classes where covariances were estimated."""
    found = [
        _gaussian([fit.tails for paths in fits.values() for path, fit in paths.items() if path == "total"]),
        Assumption("a channel has its photons however many are kept", "assumed",
                   "decimation throws photons away and binning keeps them: compare both"),
        Assumption("the growth goes on beyond the channels measured", "assumed",
                   "with finitely many channels the classes are equivalent; only a rate is seen"),
    ]  # fmt: skip
    if fits.get(("components", "full")):
        found.append(Assumption("components are those of the population", "assumed",
                                "they are learnt, blind to labels, from the same units"))  # fmt: skip
    return tuple(found)


def _gaussian(tails: Sequence[float]) -> Assumption:
    if not tails:
        return Assumption("either class is Gaussian", "assumed", "the terms of D_B describe means and covariances only")
    worst = max(tails, key=abs)
    return Assumption("either class is Gaussian", "checked" if abs(worst) <= MOST_TAILS else "violated",
                      f"Mardia's kurtosis is {worst:+.1f} standard errors off at worst")  # fmt: skip
