"""From where a measure is a note, a watch or a stop: every threshold of the drift monitor in one place.

They were set on the weeks of 2006 to 2011 alone (`oresight drift --replay 2006-01-02 2011-12-26`), so that nothing in
those years but what is described in docs/decisions raises a watch; later years only test them.

A note is for the record. A watch is an alarm: somebody should look this week. A stop keeps the last good run current.
Only what the served model reads can stop a run: families shown without weight go no further than a note for their
features, and their datasets no further than a watch.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LEVELS", "LIMITS", "Limits", "Steps", "level_of"]

# From harmless to grave; `fine` is measured and not told.
LEVELS = ("fine", "note", "watch", "stop")


@dataclass(frozen=True, slots=True)
class Steps:
    """Where each level begins, inclusive; infinity for one that is never reached."""

    note: float
    watch: float = float("inf")
    stop: float = float("inf")


@dataclass(frozen=True, slots=True)
class Limits:
    """All thresholds; units with each."""

    # Missing share of a feature above the highest of the reference years, as a fraction of the pairs.
    missing: Steps = Steps(0.10, 0.25, 0.50)
    # Population stability index of one feature, in times of `psi_floor` or of the highest of the reference years,
    # whichever is more. One feature may well move, so alone it is never more than a note.
    psi: Steps = Steps(1.5)
    psi_floor: float = 0.25
    # Share of a family's features that are beyond their own bound at once.
    family: Steps = Steps(0.25, 0.75)
    # Move of a feature's median in interquartile ranges, above the largest of the reference years.
    shift: Steps = Steps(0.5, 2.5, 5.0)
    # Median over units of |log10(newest figure / those before)| of one source; 0.34 is pounds for kilograms.
    jump: Steps = Steps(0.15, 0.30, 0.60)
    # The same of money, which booms and crashes move; what changes in its unit are thousands or the currency.
    jump_of_money: Steps = Steps(0.20, 0.45, 0.75)
    jump_units: int = 20
    # The same of one product, series or indicator of a source: other units may have changed for it alone.
    group_jump: Steps = Steps(0.90, 1.35)
    # Same fact, newer version: median over revised facts.
    revision: Steps = Steps(0.15, 0.30, 0.60)
    # Age of a source's newest fact in times of what its calendar allows (`stale_after_days`). Old figures widen the
    # intervals and mark the rows; that one source is lost degrades a run and does not stop it.
    age: Steps = Steps(1.0, 1.0)
    # Mean probability against the week before, absolute; and the stability index between the two weeks.
    mean_change: Steps = Steps(0.02, 0.075, 0.15)
    week_psi: Steps = Steps(0.10, 0.25, 1.00)
    # Mean probability against what is normal for the same pairs, as a difference of log-odds.
    against_normal: Steps = Steps(0.35, 0.70, 1.40)
    # |observed - forecast| of what has resolved, where the interval is on one side of zero; never stops a run.
    calibration: Steps = Steps(0.03, 0.10)
    calibration_windows: int = 3


LIMITS = Limits()


def level_of(value: float, steps: Steps, *, most: str = "stop") -> str:
    """Give the level that `value` reaches, at most `most`; NaN reaches none.

    Example:
        >>> level_of(0.4, Steps(0.1, 0.25, 0.5)), level_of(9.0, Steps(0.1, 0.25, 0.5), most="note")
        ('watch', 'note')
    """
    reached = sum(value >= bound for bound in (steps.note, steps.watch, steps.stop))
    return LEVELS[min(reached, LEVELS.index(most))]
