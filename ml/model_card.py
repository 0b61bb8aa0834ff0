"""Write what was measured where people read it: model card, README and the figures the weekly page quotes.

    python -m ml.model_card --scorecard DIR --ablation DIR --run RUN

`DIR/backtest/scores.json` and `DIR/scorecard.json` come from `oresight scorecard`, `DIR/ablation.json` from `oresight
ablation`, RUN is the folder of a weekly run. Written: `docs/model-card.md`, the marked parts of `README.md`,
`docs/measured/scores.json` and `scorecard.json`, with which a test compares them, and `ml/measured_skill.json`, which
ships with the package. No figure in them is typed by hand.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import BadInput, ContractError
from features.panel import features_of
from ml.ablation_report import HINDSIGHT, ablation_table
from ml.ablation_yearly import BASE
from ml.comparison import METRICS
from ml.registry import CHAMPION_SIGNALS
from ml.score_table import markdown_table
from ml.scorecard import page as scorecard_page
from ml.tracking import ROOT
from ml.weekly import MEASURED
from models.targets import TARGETS

__all__ = ["COMMAND", "SCORECARD", "SCORES", "main", "measured_skill", "model_card", "readme_part", "replace_part"]

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
SCORES = ROOT / "docs" / "measured" / "scores.json"
SCORECARD = ROOT / "docs" / "measured" / "scorecard.json"
COMMAND = "make backtest"
TEMPLATE = Path(__file__).parent / "templates" / "model-card.md"
HEADLINE = ("supply_drop", "current_year")


def measured_skill(scores: Mapping[str, Any], command: str) -> dict[str, Any]:
    """Give the few figures that stand on every weekly page."""
    models = scores["targets"][HEADLINE[0]][HEADLINE[1]]["slices"]["onset"]["models"]
    onset = models["lightgbm"]
    return {
        "onset_auc": onset["roc_auc"],
        "when": onset["when"],
        "when_persistence": models["persistence"]["when"],
        "ece": onset["expected_calibration_error"]["value"],
        "source": command,
    }


def readme_part(scores: Mapping[str, Any], command: str) -> str:
    """Give the README's table with the command that made it."""
    head, rule, *rows = markdown_table(dict(scores)).strip().splitlines()
    short = [row for row in rows if "| current year |" in row]
    note = f"Made by `{command}`; the next year, too, is in the [model card](docs/model-card.md)."
    return "\n".join([BEGIN, "", head, rule, *short, "", note, "", END])


def model_card(
    scores: Mapping[str, Any],
    card: Mapping[str, Any],
    ablation: Mapping[str, Any],
    explanations: pd.DataFrame,
    command: str,
) -> str:
    """Fill the card's template with the tables of scores, families and features.

    Args:
        scores: what `scores.json` of a backtest holds.
        card: what `scorecard.json` holds.
        ablation: what `ablation.json` holds.
        explanations: of one weekly run.
    """
    rows = supply_rows(ablation)
    outcomes = scores["targets"][HEADLINE[0]][HEADLINE[1]]["outcomes"]
    values = {
        "scores": markdown_table(dict(scores)),
        "scorecard": scorecard_page.card_sections(card),
        "scorecard_command": scorecard_page.COMMAND,
        "ablation": f"{ablation_table(rows)}\n{HINDSIGHT}",
        "ablation_code": f"commit {ablation['about']['git_commit']}",
        "verdict": verdict(rows),
        "features": feature_table(explanations),
        "command": command,
        "first": str(scores["as_of_first"])[:10],
        "last": str(scores["as_of_last"])[:10],
        "void": f"{outcomes['void']} of {outcomes['scored'] + outcomes['void']} ({outcomes['void_rate']:.1%})",
    }
    text = TEMPLATE.read_text()
    for name, value in values.items():
        text = text.replace("{{ " + name + " }}", value)
    return text


def supply_rows(ablation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the rows of `ablation.json` on drops of exports: the card is about those alone."""
    return [row for row in ablation["rows"] if row["target"] in TARGETS]


def verdict(ablation: list[dict[str, Any]]) -> str:
    """Say which families the champion uses, and which of them the table bears out.

    Raises:
        ContractError: the champion uses a family that gained nothing.
    """
    gains = {
        row["added"]
        for row in ablation
        if row["slice"] == "onset"
        and any((row[f"{metric}_gain"]["low"] or 0.0) > 0 for metric in METRICS if f"{metric}_gain" in row)
    }
    used = [name for name in CHAMPION_SIGNALS if name != BASE]
    unearned = [name for name in used if name not in gains]
    if unearned:
        raise ContractError(f"the champion uses {', '.join(unearned)}, which gained nothing in the ablation")
    families = " and ".join(f"`{name}`" for name in (BASE, *used))
    return f"**So the champion uses {families}**, the latter where its figures have been collected or ingested."


def feature_table(explanations: pd.DataFrame, *, most: int = 12) -> str:
    """Give the features that moved the headline forecasts of one run most, by mean absolute contribution."""
    rows = explanations[explanations["target"].eq(HEADLINE[0]) & explanations["horizon"].eq(HEADLINE[1])]
    rows = rows[rows["feature"].ne("base")].assign(size=lambda table: table["contribution"].abs())
    mean = rows.groupby("feature")["size"].mean().sort_values(ascending=False).head(most)
    sentences = {feature.name: feature.sentence for feature in features_of()}
    lines = ["| feature | mean absolute contribution, log-odds | what it is |", "| --- | ---: | --- |"]
    lines += [f"| `{name}` | {value:.3f} | {sentences[name]} |" for name, value in mean.items()]
    return "\n".join(lines)


def replace_part(text: str, part: str) -> str:
    """Put `part`, which begins and ends with its markers, in the place of what lies between them in `text`.

    Raises:
        BadInput: the markers are not there, once each and in order.
    """
    first, last = part.splitlines()[0], part.splitlines()[-1]
    if text.count(first) != 1 or text.count(last) != 1 or text.index(first) > text.index(last):
        remedy = "Put the two markers in, once each."
        raise BadInput(where="README.md", expected=f"{first} … {last}", found="no such part", remedy=remedy)
    head, rest = text.split(first)
    return head + part + rest.split(last)[1]


def main() -> None:
    """Write all three from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scorecard", type=Path, required=True, help="folder of a scorecard")
    parser.add_argument("--ablation", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True, help="folder of a published weekly run")
    arguments = parser.parse_args()
    scores = json.loads((arguments.scorecard / "backtest" / "scores.json").read_text())
    card = json.loads((arguments.scorecard / "scorecard.json").read_text())
    ablation = json.loads((arguments.ablation / "ablation.json").read_text())
    explanations = pd.read_parquet(arguments.run / "explanations.parquet")
    SCORES.write_text(json.dumps(scores, indent=1) + "\n")
    SCORECARD.write_text(json.dumps(card, indent=1) + "\n")
    MEASURED.write_text(json.dumps(measured_skill(scores, COMMAND), indent=1) + "\n")
    (ROOT / "docs" / "model-card.md").write_text(model_card(scores, card, ablation, explanations, COMMAND))
    readme = ROOT / "README.md"
    text = replace_part(readme.read_text(), readme_part(scores, COMMAND))
    readme.write_text(replace_part(text, scorecard_page.readme_part(card)))


if __name__ == "__main__":
    main()
