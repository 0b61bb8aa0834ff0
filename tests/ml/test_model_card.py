"""The model card's verdict follows its table."""

from __future__ import annotations

import pytest

from features.errors import ContractError
from ml.model_card import verdict


def row(added: str, low: float, *, part: str = "onset", metric: str = "when") -> dict:
    nothing = {"value": 0.0, "low": -0.1, "high": 0.1}
    gains = {f"{name}_gain": nothing for name in ("roc_auc", "who", "when")}
    return {"added": added, "slice": part} | gains | {f"{metric}_gain": {"value": 0.05, "low": low, "high": 0.1}}


def test_the_champion_uses_what_gained() -> None:
    text = verdict([{"added": "trade", "slice": "onset"}, row("mirror_trade", 0.01, metric="roc_auc")])
    assert "`trade` and `mirror_trade`" in text


@pytest.mark.parametrize("rows", [[row("mirror_trade", -0.01)], [row("mirror_trade", 0.01, part="continuation")], []])
def test_a_family_in_the_champion_that_gained_nothing_stops_the_card(rows: list[dict]) -> None:
    with pytest.raises(ContractError, match="mirror_trade"):
        verdict(rows)
