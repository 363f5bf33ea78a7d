"""Noise of real spectra where they have no lines, and its transplant from one class of spectra to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.nested_channels import high_frequency_residual

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Names = npt.NDArray[np.str_]
FEWEST = 10  # spectra of a class that takes part
_MOST = 150  # spectra of a class that are drawn
_GAUSSIAN = 0.6745  # median |z| of normal noise
_PATTERNS = 3  # principal components of a class that are not called noise, beside its mean
_LOUD, _DEAD = 2.5, 0.1  # bounds of |residual| in noise floors: normal noise has 1.64 at its 90 %, 0.67 at its median


@dataclass(frozen=True)
class Parted:
    """n × d spectra as smooth part and noise, their classes, and d marks of the quiet channels.

    The noise is 0 in channels that are not quiet.
    """

    smooth: Floats
    noise: Floats
    label: Names
    quiet: npt.NDArray[np.bool_]

    def strength(self, name: str) -> float:
        """Give the median noise of the spectra of a class: standard deviation over the quiet channels."""
        return float(np.median(self.noise[self.label == name][:, self.quiet].std(axis=1)))


def smoothed(x: Floats) -> Floats:
    """Smooth spectra over 15 channels by cubic polynomials; what is left is noise and what is sharper than that."""
    from scipy.signal import savgol_filter

    return np.asarray(savgol_filter(x, 15, 3, axis=1))


def on_one_scale(x: Floats) -> Floats:
    """Subtract from each spectrum the 5 % quantile of its smooth part and divide by the distance to the 95 % one.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(3, 200)).cumsum(axis=1)
        >>> bool(np.allclose(on_one_scale(x), on_one_scale(1000 * x + 7)))
        True
    """
    low, high = np.quantile(smoothed(x), (0.05, 0.95), axis=1, keepdims=True)
    return np.asarray((x - low) / (high - low))


def part(x: Floats, label: Names) -> Parted:
    """Part spectra in smooth part and noise; the noise is what smoothing leaves in quiet channels."""
    smooth = smoothed(x)
    quiet = quiet_channels(x - smooth, label)
    return Parted(smooth, np.where(quiet, x - smooth, 0.0), label, quiet)


def quiet_channels(residual: Floats, label: Names) -> npt.NDArray[np.bool_]:
    """Find channels where no class has lines: the residual is of the size of each spectrum's own noise floor.

    The floor is the median |residual| over all channels that have one, as a standard deviation. A channel is quiet if
    in every class with ten spectra or more nine in ten spectra stay below 2.5 floors; and if it is not dead:
    padded or clipped channels have no residual.

    Args:
        residual: n × d, what smoothing left.
        label: n class names.

    Returns:
        d marks of the quiet channels.
    """
    size = np.abs(residual)
    live = np.where(size > 1e-9 * size.max(axis=1, keepdims=True), size, np.nan)
    floors = size / (np.nanmedian(live, axis=1, keepdims=True) / _GAUSSIAN)
    groups = [floors[label == name] for name in classes(label)]
    loudest = np.max([np.quantile(group, 0.9, axis=0) for group in groups], axis=0)
    deadest = np.min([np.median(group, axis=0) for group in groups], axis=0)
    return np.asarray((loudest < _LOUD) & (deadest > _DEAD))


def of_pair(data: Parted, names: tuple[str, str], rng: np.random.Generator) -> Parted:
    """Draw equally many spectra of two classes, and take from their noise what the spectra of a class share.

    Lines that smoothing does not resolve, water vapour and fixed patterns of a detector are alike in many spectra:
    the mean and three principal components of each class are removed. As many spectra in both, because of noise
    proper this takes a share that depends on their number.
    """
    found = [np.flatnonzero(data.label == name) for name in names]
    each = min(_MOST, *(rows.size for rows in found))
    drawn = [rng.permutation(rows)[:each] for rows in found]
    rows = np.concatenate(drawn)
    noise = np.concatenate([without_patterns(data.noise[of_class]) for of_class in drawn])
    return Parted(data.smooth[rows], noise, data.label[rows], data.quiet)


def without_patterns(noise: Floats) -> Floats:
    """Remove mean and first three principal components."""
    u, s, v = np.linalg.svd(noise - noise.mean(axis=0), full_matrices=False)
    s[:_PATTERNS] = 0.0
    return np.asarray((u * s) @ v)


def shared(noise: Floats, rng: np.random.Generator) -> float:
    """Compare the leading component with that of the same spectra, each shifted along the axis and its sign drawn.

    Spectra count alike, whatever the strength of their noise. Near 1 nothing is shared between spectra at the same
    channels; the mean of five shifts is what it is compared with.

    Args:
        noise: n × d, without its patterns.
        rng: Draws the shifts.
    """
    z = noise / noise.std(axis=1, keepdims=True)
    shifts = [[np.roll(row, rng.integers(row.size)) * rng.choice([-1.0, 1.0]) for row in z] for _ in range(5)]
    chance = [_leading(without_patterns(np.stack(shifted))) for shifted in shifts]
    return _leading(z) / float(np.mean(chance))


def _leading(z: Floats) -> float:
    values = np.linalg.svd(z, compute_uv=False) ** 2
    return float(values[0] / values.sum())


def classes(label: Names) -> list[str]:
    """List the classes that have enough spectra to take part."""
    names, counts = np.unique(label, return_counts=True)
    return [str(name) for name in names[counts >= FEWEST]]


def transplanted(
    data: Parted, host: str, guest: str, rng: np.random.Generator, *, foreign: bool
) -> tuple[Floats, Codes]:
    """Split one class at random in two halves, and give every spectrum another spectrum's noise.

    The first half gets noise of its own class; the second gets noise of the other class (`foreign`), or of its
    own. Every donor gives once, and its noise changes sign at random, so that what is the same in all donors leaves
    no mean difference.

    Returns:
        The spectra, and 0 or 1 for the half each belongs to.
    """
    hosts, guests = (rng.permutation(np.flatnonzero(data.label == name)) for name in (host, guest))
    each = min(hosts.size // 2, guests.size)
    hosts = hosts[: 2 * each]
    donors = np.roll(hosts, 1) if not foreign else np.concatenate([np.roll(hosts[:each], 1), guests[:each]])
    signs = rng.choice([-1.0, 1.0], size=2 * each)
    half = np.repeat(np.array([0, 1]), each)
    return data.smooth[hosts] + signs[:, None] * data.noise[donors], half


def noise_levels(residual: Floats, x: Floats, axis: Floats) -> Floats:
    """Measure the noise level of each spectrum in three ways, as standardised logarithms.

    Args:
        residual: n × d, what smoothing left.
        x: The n × d spectra themselves, of which fourth differences are taken where five neighbours are kept.
        axis: d positions of the channels.

    Returns:
        n × 2 or 3: standard deviation and median size of the residual, standard deviation of fourth differences.
    """
    scalars = [residual.std(axis=1), np.median(np.abs(residual), axis=1)]
    sharp = high_frequency_residual(x, axis)
    if sharp.shape[1] > 1:
        scalars.append(sharp.std(axis=1))
    levels = np.log(np.stack(scalars, axis=1))
    return np.asarray((levels - levels.mean(axis=0)) / levels.std(axis=0))
