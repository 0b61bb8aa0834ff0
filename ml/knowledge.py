"""From the store to what models learn from: step functions, panels and labels, as known at one date."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from features import collection, datasets, panel
from features.catalog import Catalog, load_catalog
from features.collection.rebuilding import recover
from features.errors import ConfigError
from features.exports import yearly_exports
from features.signals import trade
from features.signals.declaration import Signal, Steps
from features.signals.trade import TRACKED_SHARE_FRAC
from features.store import Store
from ml.settings import Settings
from models.targets import label_table

__all__ = ["TRAINING_SHARE_FRAC", "Knowledge", "open_store", "signals_named"]

# Models also learn from pairs too small to be tracked: their falls look like those of tracked ones.
TRAINING_SHARE_FRAC = 0.001


def open_store(settings: Settings, *, now: dt.datetime, say: Callable[[str], None] | None = None) -> Store:
    """Open the store; a new one is filled from the embedded bundle first, and what was rejected is said."""
    store = Store(settings.datasets, settings.memory_limit, settings.workers)
    recover(store.folder)
    if store.is_empty():
        receipts = _fill(store, now=now)
        if say is not None:
            rows = sum(sum(receipt.added.values()) for receipt in receipts)
            rejected = sum(receipt.rejected for receipt in receipts)
            say(f"Read the embedded data: {rows:,} rows, {rejected} rejected (listed in {store.folder / 'quarantine'})")
    return store


def _fill(store: Store, *, now: dt.datetime) -> list[collection.Receipt]:
    # Aside and then renamed: a first start that is killed must not leave a store without some of its datasets.
    store.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store.folder.parent, prefix=".datasets-") as scratch:
        aside = replace(store, folder=Path(scratch) / "datasets")
        receipts = collection.ingest_bundle(aside, now=now)
        try:
            aside.folder.replace(store.folder)
        except OSError:
            # Another first start was quicker, or the folder holds something that is no dataset.
            if store.is_empty():
                receipts = collection.ingest_bundle(store, now=now)
    return receipts


def signals_named(names: Sequence[str] | None) -> tuple[Signal, ...]:
    """Give the signals called `names`, all when None; `trade` is always among them.

    Raises:
        ConfigError: a name is unknown.
    """
    known = {signal.name: signal for signal in panel.SIGNALS}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ConfigError(f"unknown signal(s) {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = set(known if names is None else names) | {"trade"}
    return tuple(signal for signal in panel.SIGNALS if signal.name in chosen)


@dataclass(frozen=True)
class Knowledge:
    """Everything known at `as_of`, computed when first asked for.

    `trade_years_early` asks what fresher figures would buy: yearly trade, and with it every label, becomes known
    that many years before it really did. For studies only.
    """

    store: Store
    as_of: dt.datetime
    signals: tuple[Signal, ...] = panel.SIGNALS
    trade_years_early: int = 0

    @cached_property
    def catalog(self) -> Catalog:
        """The catalogue."""
        return load_catalog()

    @cached_property
    def digest(self) -> str:
        """A digest of everything the store knew at `as_of`."""
        return self.store.digest(as_of=self.as_of)

    @cached_property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Every known version of the datasets the signals need."""
        tables = self.store.histories(panel.datasets_needed(self.signals), as_of=self.as_of)
        if not self.trade_years_early:
            return tables
        later = self.as_of + dt.timedelta(days=366 * self.trade_years_early)
        shift = pd.DateOffset(years=self.trade_years_early)
        real = self.store.history("trade", as_of=later)
        moments = {moment: moment - shift for moment in real["available_at"].unique()}
        early = real.assign(available_at=real["available_at"].map(moments).astype(datasets.MOMENT))
        return {**tables, "trade": early[early["available_at"] <= self.as_of]}

    @cached_property
    def steps(self) -> dict[str, list[Steps]]:
        """The step functions of every signal; yearly exports, which labels and pages need too, are summed once."""
        others = [signal for signal in self.signals if signal.name != trade.SIGNAL.name]
        own = {trade.SIGNAL.name: trade.steps_of_exports(self.exports)}
        return own | panel.all_steps(self.tables, self.catalog, others)

    @cached_property
    def exports(self) -> pd.DataFrame:
        """Yearly exports per pair in snapshots."""
        return yearly_exports(self.tables["trade"], self.catalog)

    @cached_property
    def labels(self) -> pd.DataFrame:
        """Every pair-year that is resolved by `as_of`."""
        return label_table(self.exports)

    @cached_property
    def current_panel(self) -> pd.DataFrame:
        """The panel at `as_of` itself, which a weekly run reads several times; not to be changed."""
        return self.panel([self.as_of])

    def panel(
        self,
        as_ofs: Sequence[dt.datetime],
        *,
        min_share: float = TRACKED_SHARE_FRAC,
        signals: Sequence[Signal] | None = None,
    ) -> pd.DataFrame:
        """Build the panel at `as_ofs`, none of them after `as_of`; of `signals` only, which are some of its own."""
        chosen = self.signals if signals is None else signals
        steps = {signal.name: self.steps[signal.name] for signal in chosen}
        return panel.build_panel(steps, self.catalog, as_ofs, chosen, min_share=min_share)
