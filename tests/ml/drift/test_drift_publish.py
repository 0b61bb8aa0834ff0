"""How drift is told: metrics, Prometheus text, the page, and the record beside a run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.errors import BadInput, OresightError
from features.knowledge_time import as_moment
from ml.drift import record
from ml.drift.measures import as_table, row
from ml.drift.publish import html_section, metrics, prometheus_lines
from ml.drift.week import summary
from ml.runs import is_held_back

NOW = as_moment("2026-11-24")
SAMPLE = re.compile(r'^[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9.e+]+$')


@pytest.fixture
def table() -> pd.DataFrame:
    return as_table(
        [
            row("stop", "jump", "trade", "trade.baci.quantity_tonnes", 3.0, 0.15, "1,000 times <as much>"),
            row("watch", "age", "mirror_trade", "mirror_trade.comtrade", 479, 200, "old"),
            row("note", "population", "prices", "prices_return_1m", 2.0, 0.4, "moved"),
            row("fine", "missing", "trade", "trade_share_3y", 0.02, 0.1, ""),
        ]
    )


def test_metrics_are_numbers_by_family_and_the_worst_level(table: pd.DataFrame) -> None:
    told = metrics(table)
    assert told["drift_worst"] == 3
    assert (told["drift_stop"], told["drift_watch"], told["drift_note"]) == (1, 1, 1)
    assert (told["drift_trade_worst"], told["drift_prices_worst"]) == (3, 1)
    assert told["drift_prices_psi_most"] == 2.0
    assert told["drift_trade_missing_most"] == 0.02


def test_prometheus_text_is_well_formed_and_zero_is_said(table: pd.DataFrame) -> None:
    lines = prometheus_lines(table, as_of="2026-11-23", held_back=True)
    assert all(line.startswith("#") or SAMPLE.match(line) for line in lines)
    assert "oresight_drift_worst_level 3" in lines
    assert "oresight_drift_run_held_back 1" in lines
    assert 'oresight_drift_findings{family="trade",level="stop"} 1' in lines
    assert 'oresight_drift_findings{family="hazards",level="watch"} 0' in lines
    assert 'oresight_source_age_days{dataset="mirror_trade",source="comtrade"} 479' in lines
    week = "oresight_drift_week_timestamp_seconds"
    assert f"{week} {int(as_moment('2026-11-23').timestamp())}" in lines
    # A type is declared once, before its samples.
    declared = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(declared) == len(set(declared))


def test_the_section_says_why_a_run_is_held_back_and_escapes_what_it_quotes(table: pd.DataFrame) -> None:
    page = html_section(table)
    assert "Held back" in page
    assert "1,000 times &lt;as much&gt;" in page
    assert "<script" not in page
    assert "trade_share_3y" not in page
    passed = html_section(table, accepted={"by": "An analyst", "why": "BACI now counts <kilograms>"})
    assert "let it pass: BACI now counts &lt;kilograms&gt;" in passed
    assert "Held back" not in passed
    assert "Yes: nothing" in html_section(table.tail(1))


def test_a_run_is_held_back_until_somebody_says_why_it_may_pass(table: pd.DataFrame, tmp_path: Path) -> None:
    about: dict[str, Any] = {"run_id": "2026-W48-0", "drift": summary(table)}
    assert about["drift"]["stops"] == ["1,000 times <as much>"]
    assert is_held_back(about)
    assert not is_held_back({"drift": summary(table.tail(3))})
    assert not is_held_back({})
    (tmp_path / "run.json").write_text(json.dumps(about))
    with pytest.raises(OresightError, match="say why"):
        record.accept(tmp_path, why=" ", by="somebody", now=NOW)
    record.accept(tmp_path, why="the publisher changed its unit", by="somebody", now=NOW)
    told = json.loads((tmp_path / "run.json").read_text())
    assert not is_held_back(told)
    wanted = {"why": "the publisher changed its unit", "by": "somebody", "at": "2026-11-24T00:00:00+00:00"}
    assert told["drift"]["accepted"] == wanted
    # The first word stands.
    again = record.accept(tmp_path, why="another reason", by="else", now=NOW)
    assert again["drift"]["accepted"] == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_the_record_is_read_as_it_was_written(table: pd.DataFrame, tmp_path: Path) -> None:
    assert record.load(tmp_path) is None
    record.write(tmp_path, table)
    pd.testing.assert_frame_equal(record.load(tmp_path), table)
    (tmp_path / record.FILE).write_text('[{"level": ')
    with pytest.raises(BadInput, match=r"drift\.json"):
        record.load(tmp_path)
