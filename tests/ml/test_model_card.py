"""The model card's verdict follows its table, and README and card say what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from features.errors import ContractError
from ml.ablation_report import ablation_table
from ml.model_card import COMMAND, SCORECARD, SCORES, readme_part, replace_part, supply_rows, verdict
from ml.score_table import markdown_table
from ml.scorecard import page as scorecard_page
from ml.weekly import MEASURED


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


def test_the_card_is_about_drops_of_exports_and_says_what_could_not_be_measured() -> None:
    absent = {"added": "news", "target": "supply_drop", "horizon": "", "slice": "", "absent": "no facts in this store"}
    undefined = {"value": 0.1, "low": None, "high": None}
    few = row("prices", 0.1) | {"target": "severe_supply_drop", "when_gain": undefined}
    own = [row("mirror_trade", 0.01) | {"target": "supply_drop"}, absent, few]
    rows = supply_rows({"rows": [*own, row("news", 0.2) | {"target": "price_spike"}]})
    assert rows == own
    assert "`mirror_trade`" in verdict(rows)
    assert "no facts in this store" in ablation_table([absent])


def test_the_readme_and_the_card_have_the_figures_that_were_measured(repo_root: Path) -> None:
    scores = json.loads(SCORES.read_text())
    readme = (repo_root / "README.md").read_text()
    assert replace_part(readme, readme_part(scores, COMMAND)) == readme
    card = json.loads(SCORECARD.read_text())
    assert replace_part(readme, scorecard_page.readme_part(card)) == readme
    model_card = (repo_root / "docs" / "model-card.md").read_text()
    assert markdown_table(scores).strip() in model_card
    assert scorecard_page.card_sections(card) in model_card
    onset = scores["targets"]["supply_drop"]["current_year"]["slices"]["onset"]["models"]["lightgbm"]
    assert json.loads(MEASURED.read_text())["onset_auc"] == onset["roc_auc"]
