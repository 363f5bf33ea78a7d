"""The sentences of docs/calibration.md around its tables."""

_HEAD = """# Calibration

How often the audit is right when the truth is known, because it was planted. This page is written by `make calibrate`
(offband {version}, numpy {numpy}, scipy {scipy}, {date}); do not edit it. Every study is drawn anew for each seed,
spectra, folds and permutations alike: seeds 0, 1, 2, …; one more run on the same versions gives the same tables. The
recipes are in `tests/calibration/scenarios.py`, `attacks.py` and `nulls.py`, the spectra come from
`spectral_core.simulate`. A smaller version runs in the default suite.

In short: `supported` was said wrongly in {wrong} of {trials} audits of the first three tables (99 % interval {low} to
{high} %); {open} kinds of study that the audit still gets wrong stand under [What falls short](#what-falls-short) and
are not in that count.
"""

_NULLS = """## Nothing there: p-values and false alarms

{nulls} kinds of study in which the classes do not differ. *At .05* is the share of p-values ≤ .05, with its exact 99 %
interval: .05 is promised. *KS* is the p-value of a Kolmogorov–Smirnov test of uniformity over all seeds (a step of a
permutation p-value is filled with a uniform number): with about a hundred rows, one below .01 is expected. *Any* is
the share of studies in which any adjusted p-value is ≤ .05, over all claims, permutation groups and variants together:
at most .05 is promised. P = 199. Where class and batch are associated and batches differ, labels are exchangeable
inside batches only; what permutes anywhere then sees a real association and is not listed.

| study | p-value | seeds | at .05 | KS | any | supported |
|---|---|---|---|---|---|---|
{null_rows}
"""

_SCENARIOS = """## Planted truth

Each row is a kind of study, the verdicts that are right and why, the share of seeds in which one of them was given
(≥ 95 % is promised), and the share of each verdict. *Point* counts in the specification of the audit: 2 dilation,
3 preprocessing, 4 replicates, 5 batches, 6 bands, 7 measurement, 8 designs. A weak or small twin stands below a clear
effect: there the right answer is mostly that the data cannot tell.

| point | study | right | why | seeds | right in | {verdicts} |
|---|---|---|---|---|---|---|---|---|---|---|
{scenario_rows}
"""

_ATTACKS = """## Attacks withstood

Studies made to obtain a wrong verdict, above all a wrong `supported`.

| point | study | right | why | seeds | right in | {verdicts} |
|---|---|---|---|---|---|---|---|---|---|---|
{attack_rows}
"""

_OPEN = """## What falls short

Studies in which the audit errs, kept here until it does not: the suite fails when one of them is mended, so that it
moves up. Where the last line says that nothing in these spectra would tell, a user's declaration is all there is:
`supported` means *not refuted by these controls*.

{open_rows}

Besides: with few specimens the cross-validated accuracy scatters more than its interval says (last table), so that
`no_signal` may exclude a gain that a larger study would find.
"""

_RELEVANCE = """## Where the model looks

How often the caveat `relevance_off_band` is said, of the audits in which the model is above chance, with the exact 99 %
interval. It is said unless the share of the pattern inside the bands exceeds that under shuffled labels (p ≤ .05), so
where the relevance lies in the band it is a miss of that test, and rarer the clearer the effect. Where half of it does,
the caveat is silent: it speaks of bands that the model does not look at, not of other places that it looks at too.

| study | the classes differ | seeds | above chance | said in | promised |
|---|---|---|---|---|---|
{place_rows}
"""

_POWER = """## Power

A real, declared band of relative height *effect* against a spread between specimens of 0.05 and detector noise of
0.02: mean balanced accuracy of the full spectrum, and the share of each verdict, against the number of specimens in
each class.

| effect | specimens a class | accuracy | {verdicts} |
|---|---|---|---|---|---|---|---|
{power_rows}
"""

_COVERAGE = """## Intervals

The intervals describe drawing other units of the same kind with the held-out classifications as they are. So that is
what is simulated: two classifiers with known accuracies, units drawn anew, replicates that agree in part. Each cell
gives how often the truth lay inside the two-sided 95 % interval · above the one-sided lower bound · below the upper
bound ({sets} draws a row; 93–97 % is promised for the interval, at least 93 % for each bound). Of {rows} rows the
interval lies within 93–97 % in {covering} of accuracies and {covering_differences} of differences. Above it lie those
near the edge, where a class can expect fewer than ten errors, and differences of blocks whose units seldom disagree or
whose replicates average their disagreement away: the pseudo-units that keep "no error seen" from meaning "no error
possible" cost width there, and a few errors among a few units come in steps that no interval can cover exactly. The
audit then says `inconclusive` more often than it must, never less. The last two columns are the percentile bootstrap of
units ({resamples} resamples) on the first {bootstrapped} of these draws, which the audit does not use
([why](decisions/0003-intervals.md)).

| accuracies | units a class | replicates | accuracy | difference | accuracy, bootstrap | difference, bootstrap |
|---|---|---|---|---|---|---|
{coverage_rows}
"""

_POPULATION = """## What the intervals do not promise

The expected cross-validated accuracy over new data sets. Folds share training spectra, so classifications of one data
set hang together more than the interval knows, and with shuffled labels cross-validation errs a little below chance.
Each cell: share of 95 % intervals that hold the mean over all data sets, and that mean. Decisions about "above
chance" therefore rest on permutations, never on an interval.

| band effect | specimens a class | data sets | full | off-band | full − off-band |
|---|---|---|---|---|---|
{population_rows}
"""

PARTS = (_HEAD, _NULLS, _SCENARIOS, _ATTACKS, _OPEN, _RELEVANCE, _POWER, _COVERAGE, _POPULATION)
