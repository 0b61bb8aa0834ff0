"""What a row must meet beside the thresholds, and which warnings a mute covers."""

from __future__ import annotations

import datetime as dt
import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass

from features.catalog import Catalog, load_catalog
from features.errors import ConfigError
from ml.alerts.importers import Shares
from ml.alerts.rules import Rule
from ml.alerts.states import Row, Warning
from ml.asked import asked_mineral, asked_supplier

__all__ = ["Conditions", "Mute", "check_pattern", "is_muted"]

PATTERN = re.compile(r"^(\*|[a-z_*]+)/(\*|[A-Z*]{1,3})$|^W[0-9A-Z]{8}$|^rule:[a-z0-9_-]+$")


@dataclass(frozen=True)
class Conditions:
    """The conditions of a rule, with what they need to know: policy lists of a date, and who buys from whom."""

    catalog: Catalog
    as_of: dt.datetime
    shares: Shares

    def met(self, rule: Rule, row: Row) -> bool:
        """Tell whether a row meets all of a rule's conditions but thresholds and tier."""
        if rule.alerts_only and not row.is_alert:
            return False
        if rule.change > 0 and (row.change is None or row.change < rule.change):
            return False
        if 1 - (row.p_high - row.p_low) < rule.min_confidence:
            return False
        if row.base_rate is not None and row.p_low < rule.above_normal * row.base_rate:
            return False
        if rule.suppliers and row.supplier not in rule.suppliers:
            return False
        return self._mineral_asked(rule, row) and self._bought(rule, row)

    def _mineral_asked(self, rule: Rule, row: Row) -> bool:
        if not rule.minerals and not rule.lists:
            return True
        day = self.as_of.date()
        listed = {
            entry.list_id for entry in self.catalog.lists_of(row.mineral) if entry.valid_from <= day
        }  # a list of a later year is not known yet
        return row.mineral in rule.minerals or bool(listed & set(rule.lists))

    def _bought(self, rule: Rule, row: Row) -> bool:
        if not rule.importers:
            return True
        # Not known is not nothing: without figures the warning is raised.
        shares = [self.shares.of(importer, row.mineral, row.supplier) for importer in rule.importers]
        return any(share is None or share.frac >= rule.min_importer_share for share in shares)


@dataclass(frozen=True, slots=True)
class Mute:
    """What is not told until a moment: `cobalt/COD`, `*/CHN`, `cobalt/*`, a warning's id, or `rule:ID`."""

    mute_id: int
    pattern: str
    until: dt.datetime
    why: str
    by: str


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that can't match anything.

    Raises:
        ConfigError: it is of no known form.
    """
    if not PATTERN.match(pattern):
        raise ConfigError(
            f"mute: {pattern!r} is no pattern; write MINERAL/SUPPLIER such as cobalt/COD, cobalt/* or */CHN, "
            "a warning's id such as W3K9Q2ZAB, or rule:ID"
        )
    mineral, is_pair, supplier = pattern.partition("/")
    if is_pair:
        catalog = load_catalog()
        # A word without a wildcard is a name; a misspelt one would mute nothing and look as if it did.
        if not set("*?[") & set(mineral):
            asked_mineral(catalog, mineral, option="mute")
        if not set("*?[") & set(supplier):
            asked_supplier(catalog, supplier, option="mute")


def is_muted(warning: Warning, mutes: Iterable[Mute], now: dt.datetime) -> bool:
    """Tell whether a mute that has not expired covers a warning."""
    names = (f"{warning.row.mineral}/{warning.row.supplier}", warning.warning_id, f"rule:{warning.rule}")
    return any(now < mute.until and any(fnmatch.fnmatchcase(name, mute.pattern) for name in names) for mute in mutes)
