"""All targets and horizons together: coherent probabilities for a panel, saved as text with hashes.

One calibrated booster and one pair history per target and horizon. Coherence is made
here: a severe drop is never more likely than a drop, and probabilities do not fall with
the horizon, point and interval alike.

Stored models have a format. Format 1 knew no interval that adapts: such a model is served with its calibration's own
interval, narrow as it is, until a new one is trained. A format that is not known here is refused.
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
from models.calibrated import CalibratedBoosting, can_calibrate
from models.calibration import Calibrator
from models.coherence import cohere
from models.gradient_boosting import GradientBoosting, Parameters
from models.intervals import AdaptiveInterval
from models.leakage import check_leakage
from models.support import Support
from models.targets import HORIZONS, TARGETS, YEARS_AHEAD, attach_labels, resolved_by, states, window_of

__all__ = ["Forecaster", "cohere", "labelled_rows"]

# What a part is made for: a target, and how many years lie between the last known trade year and the target year.
NUMBERS = ["raw_score", "probability", "p_low", "p_high"]
SUPPORT = ["calibration_low", "calibration_high", "distance", "stale_years"]
FORMAT = 2
Part = tuple[str, int]
# In July trade is known to two years back, so this lead is learned from July rows with this horizon.
LEARNED_FROM = {2: "current_year", 3: "next_year", 4: "year_after_next"}


def labelled_rows(panel: pd.DataFrame, labels: pd.DataFrame, target: str, horizon: str) -> pd.DataFrame:
    """Give the panel with `target`'s windows, labels and onset for `horizon`."""
    rows = attach_labels(panel, labels, TARGETS[target], horizon)
    return rows.assign(onset=states(panel, TARGETS[target]).to_numpy())


@dataclass
class Forecaster:
    """The champion: fitted parts by (target, lead), and what they were learned from.

    A lead is the number of years from the last known trade year to the target year. A forecast is made by
    the part of its lead: in July 2 for the current year and 3 for the next, in January 3 and 4.
    """

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
        leads: Sequence[int] = tuple(LEARNED_FROM),
    ) -> Forecaster:
        """Learn every target and lead from rows before `trained_as_of` whose labels were resolved by then.

        Raises:
            LeakageError: a feature tells the label.
        """
        parts, histories = {}, {}
        for target in targets:
            for lead in leads:
                rows = labelled_rows(panel, labels, target, LEARNED_FROM[lead])
                rows = rows[resolved_by(rows, trained_as_of) & (rows["as_of"] < trained_as_of)]
                # The first years hold too few outcomes that far ahead: a shorter lead serves them, as stale.
                if lead > min(leads) and not can_calibrate(rows):
                    continue
                check_leakage(rows, features)
                part = CalibratedBoosting(features, parameters or Parameters(), adaptive=True)
                parts[target, lead] = part.fit(rows)
                histories[target, lead] = PairHistory().fit(rows)
        return cls(parts, histories, trained_as_of, list(features))

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Forecast every target and horizon for each row of `panel`.

        Returns:
            target, horizon, mineral, supplier, as_of, window_start, window_end, onset, raw_score,
            probability, p_low, p_high, base_rate; targets and horizons in fixed order, pairs as in `panel`.
        """
        return self.predict_with_support(panel).drop(columns=SUPPORT)

    def predict_with_support(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Forecast as `predict` does, and say what each interval was made from.

        Returns:
            The columns of `predict`, and calibration_low, calibration_high, distance, stale_years; see
            `CalibratedBoosting.predict_with_support`.
        """
        panel = panel.reset_index(drop=True)
        numbers = []
        for target, horizon in self.forecasts:
            pieces = [
                self.parts[target, lead].predict_with_support(rows, stale_years)
                for lead, rows, stale_years in self._by_lead(panel, target, horizon)
            ]
            nothing = pd.DataFrame(columns=[*NUMBERS, *SUPPORT], dtype="float64")
            numbers.append(pd.concat(pieces).sort_index() if pieces else nothing)
        return cohere(self.frame_of(panel).join(pd.concat(numbers, ignore_index=True)))

    def support_of(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Give per row its largest distance and its fewest stale_years over what is forecast of it; NaN where unknown.

        Unlike `predict` it takes rows that cannot be forecast.
        """
        panel = panel.reset_index(drop=True)
        told = pd.DataFrame({"distance": np.nan, "stale_years": np.nan}, index=panel.index)
        for target, horizon in self.forecasts:
            for lead, rows, stale_years in self._by_lead(panel, target, horizon):
                near = self.parts[target, lead].support
                if near is not None:
                    farther = np.fmax(told.loc[rows.index, "distance"], near.distance(rows))
                    told.loc[rows.index, "distance"] = farther
                told.loc[rows.index, "stale_years"] = np.fmin(told.loc[rows.index, "stale_years"], stale_years)
        return told

    @property
    def never_missing(self) -> list[str]:
        """The features that were known in every row some part learned from: a row without one can't be forecast."""
        return sorted({name for part in self.parts.values() for name in part.parts()[0].never_missing})

    @property
    def name(self) -> str:
        """The name of the kind of model its parts are."""
        return next(iter(self.parts.values())).name

    @property
    def targets(self) -> list[str]:
        """The targets it was trained for."""
        return list(dict.fromkeys(target for target, _ in self.parts))

    @property
    def forecasts(self) -> list[tuple[str, str]]:
        """Every (target, horizon) that is forecast, in fixed order."""
        return [(target, horizon) for target in self.targets for horizon in HORIZONS]

    def boosters_for(
        self, panel: pd.DataFrame, target: str, horizon: str
    ) -> list[tuple[GradientBoosting, pd.DataFrame]]:
        """Give the booster behind each row's forecast, with its rows: one entry per lead."""
        return [(self.parts[target, lead].parts()[0], rows) for lead, rows, _ in self._by_lead(panel, target, horizon)]

    def frame_of(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Give what is said about each row whatever the forecast: window, onset and base rate."""
        panel = panel.reset_index(drop=True)
        tables = []
        for target, horizon in self.forecasts:
            onset = states(panel, TARGETS[target])
            window = window_of(panel["as_of"], horizon)
            rates = [
                pd.Series(self.histories[target, lead].predict(rows.assign(onset=onset[rows.index])), index=rows.index)
                for lead, rows, _ in self._by_lead(panel, target, horizon)
            ]
            table = panel[["mineral", "supplier", "as_of"]].assign(
                target=target,
                horizon=horizon,
                window_start=window["window_start"],
                window_end=window["window_end"],
                onset=onset,
                base_rate=pd.concat(rates) if rates else pd.Series(dtype="float64"),
            )
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def _by_lead(self, panel: pd.DataFrame, target: str, horizon: str) -> list[tuple[int, pd.DataFrame, np.ndarray]]:
        # Older trade than any that was learned from is served by the longest lead, as stale by the rest.
        wanted = panel["trade_data_age_years"] + YEARS_AHEAD[horizon]
        leads = sorted(lead for of, lead in self.parts if of == target)
        served = wanted.clip(leads[0], leads[-1])
        groups = []
        for lead in leads:
            at = served.eq(lead)
            if at.any():
                groups.append((lead, panel[at], (wanted - served)[at].to_numpy()))
        return groups

    def save(self, folder: Path) -> str:
        """Write everything as text below `folder` with a manifest of hashes; return the version (12 hex digits)."""
        files: dict[str, str] = {}
        for (target, lead), part in self.parts.items():
            boosting, calibrator = part.parts()
            for name, text in boosting.to_text().items():
                files[f"{target}-lead{lead}-{name}"] = text
            files[f"{target}-lead{lead}-calibrator.json"] = calibrator.to_json()
            if part.interval is not None and part.support is not None:
                wide = {"interval": part.interval.as_json(), "support": part.support.as_json()}
                files[f"{target}-lead{lead}-interval.json"] = json.dumps(wide)
            files[f"{target}-lead{lead}-history.json"] = _history_to_json(self.histories[target, lead])
        files["forecaster.json"] = json.dumps(
            {
                "format": FORMAT,
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
            BadInput: a file is missing, its hash isn't the manifest's, or the format is a newer one.
        """
        files = _read_checked(folder)
        about = json.loads(files["forecaster.json"])
        found = about.get("format", 1)
        if found not in range(1, FORMAT + 1):
            raise BadInput(
                where=str(folder / "forecaster.json"),
                expected=f"format 1 to {FORMAT}",
                found=f"format {found}",
                remedy="The model was stored by a newer oresight: update this one, or train the model again here.",
            )
        parts, histories = {}, {}
        for target, lead in about["parts"]:
            texts = {name: files[f"{target}-lead{lead}-{name}"] for name in ("booster.txt", "booster.json")}
            boosting = GradientBoosting.from_text(texts)
            calibrator = Calibrator.from_json(files[f"{target}-lead{lead}-calibrator.json"])
            part = CalibratedBoosting(boosting.features, boosting.parameters, boosting=boosting, calibrator=calibrator)
            if f"{target}-lead{lead}-interval.json" in files:
                wide = json.loads(files[f"{target}-lead{lead}-interval.json"])
                part.adaptive, part.interval = True, AdaptiveInterval.from_json(wide["interval"])
                part.support = Support.from_json(wide["support"])
            parts[target, lead] = part
            histories[target, lead] = _history_from_json(files[f"{target}-lead{lead}-history.json"])
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
