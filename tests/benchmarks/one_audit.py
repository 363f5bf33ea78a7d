"""One audit in a process of its own: CPU seconds, and the largest memory of the process, imports included.

python -m tests.benchmarks.one_audit N D WITH DTYPE prints JSON. WITH holds letters: b a blank, r replicates, s sessions
(batches).
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np

from spectral_core import audit_classifier

BANDS = {f"band {b}": (500.0 + 240 * b, 560.0 + 240 * b) for b in range(10)}  # of an axis from 400 to 4,000
BLANK = {"silent": (3000.0, 3400.0)}


def arguments(n, d, declared, dtype):
    """Spectra of two classes that differ a little in every band."""
    rng = np.random.default_rng(n)
    unit = np.arange(n) // 2 if "r" in declared else np.arange(n)
    y, axis = unit % 2, np.linspace(400.0, 4000.0, d)
    x = rng.normal(loc=2.0, size=(n, d)).astype(dtype)
    for low, high in BANDS.values():
        x[:, (axis >= low) & (axis <= high)] += np.asarray(0.1 * y, dtype=dtype)[:, None]
    given = {"axis": axis, "axis_unit": "cm-1", "bands": BANDS, "seed": 0}
    given |= {"unit": unit} | ({"blank": BLANK} if "b" in declared else {})
    return x, y, given | ({"batch": unit // 2 % 4} if "s" in declared else {})


def peak():
    """Largest resident memory of this process, MB."""
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes there, KiB here
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main(n, d, declared, dtype):
    x, y, given = arguments(n, d, declared, dtype)
    before, cpu, wall = peak(), time.process_time(), time.perf_counter()
    report = audit_classifier(x, y, **given)
    spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    print(json.dumps(spent | {"before": before, "peak": peak(), "matrix": x.nbytes / 1e6, "verdict": report.verdict}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
