"""Closed-form cross-validation: the classifier that the audit can refit thousands of times."""

from spectral_core.probe.ridge import centred_gram, choose_penalty, hat_matrix, held_out_margins

__all__ = ["centred_gram", "choose_penalty", "hat_matrix", "held_out_margins"]
