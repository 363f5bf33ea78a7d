"""Any classifier under the same controls as the probe: refits, sequential permutation, the models of a study."""

from spectral_core.estimators.contender import BUDGET, Contender, contenders_of
from spectral_core.estimators.examine import AuditedModel, examine_model
from spectral_core.estimators.out_of_fold import OutOfFold

__all__ = ["BUDGET", "AuditedModel", "Contender", "OutOfFold", "contenders_of", "examine_model"]
