"""Gauges in Prometheus' text exposition format, version 0.0.4: of the service, and of a run's drift."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Gauge", "exposition"]

# Name, what it says, and samples: labels and value.
Gauge = tuple[str, str, Sequence[tuple[Mapping[str, str], float]]]


def exposition(gauges: Iterable[Gauge]) -> list[str]:
    """Give gauges as lines; one without samples is named all the same, so that nobody takes it for unknown."""
    lines = []
    for name, words, samples in gauges:
        lines += [f"# HELP {name} {words}", f"# TYPE {name} gauge"]
        for labels, value in samples:
            inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            lines.append(f"{name}{{{inside}}} {value:.15g}" if inside else f"{name} {value:.15g}")
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
