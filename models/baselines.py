"""The baselines that every score stands beside: models like any other, without tuning.

`climatology` knows only how often the event happens to onset and to continuation rows;
`pair_history` how often it happened to the pair, shrunk to its group; `persistence` how
often it follows the last known level of exports; `logistic_regression` all features, linearly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from models.model import Model

__all__ = ["BASELINES", "Climatology", "LogisticBaseline", "PairHistory", "Persistence", "make_baselines"]

BASELINES = ("climatology", "pair_history", "persistence", "logistic_regression")


class Climatology:
    """The share of events among onset rows, and among continuation rows."""

    name = "climatology"

    def fit(self, rows: pd.DataFrame) -> Climatology:
        """Learn the two shares; a state never seen gets the overall one."""
        self.overall = float(rows["label"].mean())
        self.rate = rows.groupby("onset")["label"].mean().to_dict()
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give each row the share of its state."""
        return rows["onset"].map(lambda onset: self.rate.get(onset, self.overall)).to_numpy(dtype="float64")


class PairHistory:
    """The pair's own share of events, shrunk to the share of its state by `prior_years` pseudo-observations."""

    name = "pair_history"

    def __init__(self, prior_years: float = 4.0) -> None:
        self.prior_years = prior_years

    def fit(self, rows: pd.DataFrame) -> PairHistory:
        """Learn events and years per pair, each target year once."""
        once = rows.drop_duplicates(["mineral", "supplier", "target_year"])
        self.climatology = Climatology().fit(rows)
        pairs = once.groupby(["mineral", "supplier"])["label"]
        self.counts = pd.DataFrame({"events": pairs.sum(), "years": pairs.count()})
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give (events + prior * rate) / (years + prior); a pair never seen gets the rate of its state."""
        found = self.counts.reindex(pd.MultiIndex.from_frame(rows[["mineral", "supplier"]])).fillna(0.0)
        rate = self.climatology.predict(rows)
        events, years = found["events"].to_numpy(), found["years"].to_numpy()
        return (events + self.prior_years * rate) / (years + self.prior_years)


class Persistence:
    """The share of events by the last known level against its three-year mean, in bins.

    `column` holds the level's logarithm: exports, unless the event is about something else.
    """

    name = "persistence"
    edges = np.log([0.3, 0.5, 0.7, 0.85, 1.0, 1.15, 1.4, 2.0])

    def __init__(self, column: str = "trade_level_vs_3y") -> None:
        self.column = column

    def fit(self, rows: pd.DataFrame) -> Persistence:
        """Learn one share per bin, shrunk to the overall one by 20 pseudo-observations."""
        self.overall = float(rows["label"].mean())
        bins = rows.assign(bin=self._bin(rows)).groupby("bin")["label"]
        self.rate = ((bins.sum() + 20 * self.overall) / (bins.count() + 20)).to_dict()
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give each row the share of its bin."""
        return np.array([self.rate.get(bin_, self.overall) for bin_ in self._bin(rows)], dtype="float64")

    def _bin(self, rows: pd.DataFrame) -> np.ndarray:
        level = rows[self.column].to_numpy()
        return np.where(np.isnan(level), -1, np.digitize(level, self.edges))


class LogisticBaseline:
    """Logistic regression on all features, standardised, missing ones at their median."""

    name = "logistic_regression"

    def __init__(self, features: Sequence[str], regularisation: float = 0.05) -> None:
        self.features, self.regularisation = list(features), regularisation

    def fit(self, rows: pd.DataFrame) -> LogisticBaseline:
        """Learn the coefficients; features that are missing everywhere are left out."""
        self.used = [name for name in self.features if rows[name].notna().any()]
        self.pipeline: Pipeline = make_pipeline(
            SimpleImputer(strategy="median"),
            StandardScaler(),
            LogisticRegression(C=self.regularisation, solver="newton-cholesky"),
        )
        self.pipeline.fit(rows[self.used].to_numpy(), rows["label"].to_numpy())
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the fitted probability."""
        if rows.empty:
            return np.zeros(0)
        return self.pipeline.predict_proba(rows[self.used].to_numpy())[:, 1]


def make_baselines(features: Sequence[str]) -> list[Model]:
    """Give an unfitted instance of each baseline, in the order of `BASELINES`."""
    return [Climatology(), PairHistory(), Persistence(), LogisticBaseline(features)]
