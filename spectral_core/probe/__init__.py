"""Closed-form cross-validation: the classifier that the audit can refit thousands of times."""

from spectral_core.probe.bands import ChannelGroups, Part, ask_each, group_channels
from spectral_core.probe.energy import EnergyTest, distance_matrix, energy_test
from spectral_core.probe.fitting import Probe, fit_probe
from spectral_core.probe.held_out import Judgement
from spectral_core.probe.penalty import choose_penalty
from spectral_core.probe.pls import PlsProbe, fit_pls
from spectral_core.probe.ridge import centred_gram, hat_matrix, held_out_margins
from spectral_core.probe.threads import threads_for

__all__ = [
    "ChannelGroups",
    "EnergyTest",
    "Judgement",
    "Part",
    "PlsProbe",
    "Probe",
    "ask_each",
    "centred_gram",
    "choose_penalty",
    "distance_matrix",
    "energy_test",
    "fit_pls",
    "fit_probe",
    "group_channels",
    "hat_matrix",
    "held_out_margins",
    "threads_for",
]
