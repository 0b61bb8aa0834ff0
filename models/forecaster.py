"""All targets and horizons together: coherent probabilities for a panel, saved as text with hashes.

One calibrated booster and one pair history per target and horizon. Coherence is made
here: a severe drop is never more likely than a drop, point and interval alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features.errors import BadInput
from models.baselines import Climatology, PairHistory
from models.calibrated import CalibratedBoosting
from models.calibration import Calibrator
from models.gradient_boosting import GradientBoosting, Parameters
from models.targets import HORIZONS, TARGETS, attach_labels, resolved_by, states, window_of

__all__ = ["Forecaster", "cohere", "labelled_rows"]

Part = tuple[str, str]


def labelled_rows(panel: pd.DataFrame, labels: pd.DataFrame, target: str, horizon: str) -> pd.DataFrame:
    """Give the panel with `target`'s windows, labels and onset for `horizon`."""
    rows = attach_labels(panel, labels, TARGETS[target], horizon)
    return rows.assign(onset=states(panel, TARGETS[target]).to_numpy())


def cohere(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Make sure that a severe drop is nowhere more likely than a drop of the same pair and window.

    Args:
        forecasts: target, horizon, mineral, supplier, as_of, probability, p_low, p_high.

    Returns:
        The same rows in the same order, severe values lowered to the drop's where they were above.
    """
    key = ["horizon", "mineral", "supplier", "as_of"]
    drops = forecasts[forecasts["target"].eq("supply_drop")].set_index(key)
    rows = forecasts.copy()
    is_severe = rows["target"].eq("severe_supply_drop").to_numpy()
    at = pd.MultiIndex.from_frame(rows.loc[is_severe, key])
    for column in ("probability", "p_low", "p_high"):
        limit = drops[column].reindex(at).to_numpy()
        rows.loc[is_severe, column] = np.fmin(rows.loc[is_severe, column].to_numpy(), limit)
    return rows


@dataclass
class Forecaster:
    """The champion: fitted parts by (target, horizon), and what they were learned from."""

    parts: Mapping[Part, CalibratedBoosting]
    histories: Mapping[Part, PairHistory]
    trained_as_of: pd.Timestamp
    features: Sequence[str]

    @classmethod
    def fit(
        cls,
        panel: pd.DataFrame,
        labels: pd.DataFrame,
        *,
        trained_as_of: pd.Timestamp,
        features: Sequence[str],
        parameters: Parameters | None = None,
        targets: Sequence[str] = tuple(TARGETS),
    ) -> Forecaster:
        """Learn every target and horizon from rows before `trained_as_of` whose labels were resolved by then."""
        parts, histories = {}, {}
        for target in targets:
            for horizon in HORIZONS:
                rows = labelled_rows(panel, labels, target, horizon)
                rows = rows[resolved_by(rows, trained_as_of) & (rows["as_of"] < trained_as_of)]
                parts[target, horizon] = CalibratedBoosting(features, parameters or Parameters()).fit(rows)
                histories[target, horizon] = PairHistory().fit(rows)
        return cls(parts, histories, trained_as_of, list(features))

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Forecast every target and horizon for each row of `panel`.

        Returns:
            target, horizon, mineral, supplier, as_of, window_start, window_end, onset, raw_score,
            probability, p_low, p_high, base_rate; targets and horizons in fixed order, pairs as in `panel`.
        """
        panel = panel.reset_index(drop=True)
        numbers = [part.predict_with_interval(panel) for part in self.parts.values()]
        return cohere(self.frame_of(panel).join(pd.concat(numbers, ignore_index=True)))

    def frame_of(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Give what is said about each row whatever the forecast: window, onset and base rate."""
        tables = []
        for target, horizon in self.parts:
            onset = states(panel, TARGETS[target])
            window = window_of(panel["as_of"], horizon)
            table = panel[["mineral", "supplier", "as_of"]].assign(
                target=target,
                horizon=horizon,
                window_start=window["window_start"],
                window_end=window["window_end"],
                onset=onset,
                base_rate=self.histories[target, horizon].predict(panel.assign(onset=onset)),
            )
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def save(self, folder: Path) -> str:
        """Write everything as text below `folder` with a manifest of hashes; return the version (12 hex digits)."""
        files: dict[str, str] = {}
        for (target, horizon), part in self.parts.items():
            boosting, calibrator = part.parts()
            for name, text in boosting.to_text().items():
                files[f"{target}-{horizon}-{name}"] = text
            files[f"{target}-{horizon}-calibrator.json"] = calibrator.to_json()
            files[f"{target}-{horizon}-history.json"] = _history_to_json(self.histories[target, horizon])
        files["forecaster.json"] = json.dumps(
            {
                "parts": [list(part) for part in self.parts],
                "trained_as_of": self.trained_as_of.isoformat(),
                "features": list(self.features),
            },
            indent=1,
        )
        manifest = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(files.items())}
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
        return version_of(folder)

    @classmethod
    def load(cls, folder: Path) -> Forecaster:
        """Rebuild from what `save` wrote.

        Raises:
            BadInput: a file is missing or its hash isn't the manifest's.
        """
        files = _read_checked(folder)
        about = json.loads(files["forecaster.json"])
        parts, histories = {}, {}
        for target, horizon in about["parts"]:
            texts = {name: files[f"{target}-{horizon}-{name}"] for name in ("booster.txt", "booster.json")}
            boosting = GradientBoosting.from_text(texts)
            calibrator = Calibrator.from_json(files[f"{target}-{horizon}-calibrator.json"])
            parts[target, horizon] = CalibratedBoosting(
                boosting.features, boosting.parameters, boosting=boosting, calibrator=calibrator
            )
            histories[target, horizon] = _history_from_json(files[f"{target}-{horizon}-history.json"])
        return cls(parts, histories, pd.Timestamp(about["trained_as_of"]), about["features"])


def version_of(folder: Path) -> str:
    """Give the version of a saved forecaster: a hash of its manifest, the same on every machine."""
    return hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()[:12]


def _read_checked(folder: Path) -> dict[str, str]:
    path = folder / "manifest.json"
    if not path.exists():
        raise BadInput(where=str(folder), expected="manifest.json", found="none", remedy="Train the model again.")
    files = {}
    for name, digest in json.loads(path.read_text()).items():
        text = (folder / name).read_text() if (folder / name).exists() else ""
        found = hashlib.sha256(text.encode()).hexdigest()
        if found != digest:
            raise BadInput(
                where=str(folder / name),
                expected=f"sha256 {digest}",
                found=found,
                remedy="The model's files were changed or are incomplete; train the model again.",
            )
        files[name] = text
    return files


def _history_to_json(history: PairHistory) -> str:
    counts = history.counts.reset_index()
    return json.dumps(
        {
            "prior_years": history.prior_years,
            "overall": history.climatology.overall,
            "rate": {str(bool(key)): value for key, value in history.climatology.rate.items()},
            "counts": counts.to_dict("list"),
        }
    )


def _history_from_json(text: str) -> PairHistory:
    data = json.loads(text)
    history, climatology = PairHistory(data["prior_years"]), Climatology()
    climatology.overall = data["overall"]
    climatology.rate = {key == "True": value for key, value in data["rate"].items()}
    history.climatology = climatology
    history.counts = pd.DataFrame(data["counts"]).set_index(["mineral", "supplier"])
    return history
