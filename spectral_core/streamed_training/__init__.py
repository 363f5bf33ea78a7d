"""Training on archives larger than memory: a bounded number of passes over the rows, and no n × d matrix ever.

| models | way |
|---|---|
| ridge, LDA and PLS-DA, alone or after steps that centre, scale or project | all spectra, exact, from sums |
| all others | a class-balanced subsample of the units; what it teaches classifies all spectra |
"""

from spectral_core.streamed_training.blocks import Stock, classified_blocks
from spectral_core.streamed_training.conduct import train_streamed

__all__ = ["Stock", "classified_blocks", "train_streamed"]
