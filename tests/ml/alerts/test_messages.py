"""What messages say: long texts in both languages, CAP that is valid, a feed that readers parse, the page."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import feedparser
import lxml.etree
import lxml.html
import pytest
from sqlalchemy import Engine

from ml.alerts.acknowledging import acknowledge_warning, call_drill
from ml.alerts.drivers import driver_in
from ml.alerts.evaluation import evaluate_run
from ml.alerts.texts import compose
from ml.alerts.web import write_web
from tests.ml.alerts.made_runs import DRIVERS, NOW, forecast, made_rules, made_run

A_WEEK = dt.timedelta(days=7)
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
ADDRESS = "https://warnings.example.org/"
RULES = made_rules(f"budget = 2\n[web]\naddress = '{ADDRESS}'\nsender = 'warnings@example.org'")
RECORD = {
    "kind": "hindcast",
    "alerts": 504,
    "hits": 309,
    "precision": {"value": 0.613, "low": 0.527, "high": 0.703},
    "first_year": 2010,
    "last_year": 2024,
    "as_of": "2026-11-28",
}


def facts(**other: Any) -> dict[str, Any]:
    made = {
        "warning_id": "W3K9Q2ZAB",
        "number": 2,
        "kind": "updated",
        "why": "tier_rose",
        "target": "supply_drop",
        "horizon": "next_year",
        "window": "2027",
        "window_end": "2027-12-31",
        "mineral": "cobalt",
        "mineral_en": "Cobalt",
        "mineral_zh": "鈷",
        "supplier": "COD",
        "supplier_en": "Democratic Republic of the Congo",
        "supplier_zh": "剛果民主共和國",
        "stage": "processing",
        "probability": 0.62,
        "p_low": 0.51,
        "p_high": 0.7,
        "base_rate": 0.21,
        "tier": "severe",
        "change": 0.08,
        "tier_before": "elevated",
        "probability_before": 0.44,
        "drivers": list(DRIVERS),
        "data_as_of": "2026-02-01",
        "model": "lightgbm abc",
        "raised_as_of": "2026-11-16",
        "as_of": "2026-11-23",
        "run_id": "2026-W48-abc",
        "rule": "supply-drop",
        "raise_at": 0.4,
        "clear_at": 0.3,
        "importers": [
            {
                "importer": "TWN",
                "en": "Taiwan",
                "zh": "臺灣",
                "frac": 0.2012,
                "tonnes": 4321.0,
                "year": 2024,
                "known_at": "2026-02-01",
            }
        ],
        "record": RECORD,
        "alternatives": None,
        "stock_days": None,
    }
    return made | other


def text(language: str = "en", **other: Any) -> str:
    return compose("k", "e", facts(**other), language=language, is_drill=False, address=ADDRESS).text.replace(
        "\u00a0", " "
    )


def test_a_warning_says_all_that_is_asked_of_it() -> None:
    told = text()
    for part in (
        "Update: Cobalt from Democratic Republic of the Congo, exports below 70 % of the three years before in 2027: ",
        "interval 51 % to 70 % (tier severe), as of 2026-11-23",
        "21 % for this supplier and mineral, from its own record; now 3.0 × that",
        "+8.0 points since the week before",
        "1. exports fell 12 % between 2023 and 2024 (raises the risk)",
        "3. holds 63 % of world exports (lowers the risk)",
        "raised as of 2026-11-16",
        "figures known up to 2026-02-01",
        "For Taiwan: 20 % of its imports of this mineral (4,321 t in all, refined or processed) came from Democratic",
        "of 504 forecasts marked as alert and replayed for the years 2010 to 2024, 309 came true: 61 %",
        "(95 % interval 53 % to 70 %). This is a hindcast: nobody was warned at the time",
        "raised from 40 %, cleared at 30 % or below",
        "https://warnings.example.org/#W3K9Q2ZAB",
        "(told last: 44 %, elevated)",
    ):
        assert part in told
    # What nobody has computed has no sentence.
    assert "Stock:" not in told
    assert "Others:" not in told
    assert "Stock:    45 days." in text(stock_days=45)


def test_the_same_in_chinese_with_no_english_but_names() -> None:
    told = text("zh-Hant")
    for part in (
        "更新:剛果民主共和國鈷,2027 年出口量低於前三年平均之七成之機率 62 %",
        "區間 51 % 至 70 %",
        "常態:依其過去紀錄為 21 %",
        "較前一週 +8.0 個百分點",
        "1. 2023 至 2024 年出口減少 12%(提高風險)",
        "對臺灣的意義:2024 年此礦物進口(精煉或加工品,共 4,321 t)有 20 % 來自剛果民主共和國",
        "回溯重算之標為警示之預測 504 則,其中 309 則成真:61 %",
        "此為事後回溯",
    ):
        assert part in told
    left = re.sub(r"https?://\S+|oresight[ \w/-]*|lightgbm abc|2026-W48-abc|supply-drop|W3K9Q2ZAB|COD|--by", "", told)
    assert set(re.findall(r"[A-Za-z]{2,}", left)) == set()


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
def test_what_is_not_known_is_said_to_be_unknown(language: str) -> None:
    unknown = {
        "frac": None,
        "tonnes": None,
        "year": None,
        "known_at": None,
        "importer": "TWN",
        "en": "Taiwan",
        "zh": "臺灣",
    }
    told = text(language, record=None, importers=[unknown], data_as_of=None, drivers=[], change=None)
    parts = ("is not known here", "not measured here", "unknown date") if language == "en" else ("不明", "尚未評估")
    for part in parts:
        assert part in told
    assert "None" not in told


def test_a_reader_is_told_what_it_means_for_his_own_country() -> None:
    other = {**facts()["importers"][0], "importer": "JPN", "en": "Japan", "frac": 0.0}
    about = facts(importers=[*facts()["importers"], other])
    own = compose("k", "e", about, language="en", is_drill=False, importer="JPN").text
    assert "For Taiwan" not in own
    assert "For Japan: none of its imports of this mineral came from" in own


def test_a_reason_of_unknown_form_stays_as_it_was_written() -> None:
    assert driver_in("zh-Hant", "moons are full (raises the risk)") == "(模型原文)moons are full(提高風險)"


@pytest.fixture
def told(engine: Engine, tmp_path: Path) -> Path:
    """The web folder after a life: two warnings raised, one updated, acknowledged and cleared, a digest, a drill."""
    rows = [
        forecast(probability=0.45),
        forecast("nickel", "IDN"),
        forecast("tin", "BRA", 0.41),
        forecast("lead", "AUS", 0.42),
    ]
    weeks = (made_run(*rows), made_run(forecast(probability=0.7), *rows[1:], week=1))
    for week, run in enumerate(weeks):
        evaluate_run(engine, RULES, run, run.forecasts(), now=NOW + week * A_WEEK, say=lambda line: None)
    with engine.connect() as connection:
        name = connection.exec_driver_sql("SELECT warning_id FROM warnings WHERE mineral = 'cobalt'").scalar_one()
    acknowledge_warning(engine, RULES, name, by="duty <b>desk</b>", note="checked & called", now=NOW + A_WEEK)
    over = made_run(forecast(probability=0.1), *rows[1:], week=2)
    evaluate_run(engine, RULES, over, over.forecasts(), now=NOW + 2 * A_WEEK, say=lambda line: None)
    call_drill(engine, RULES, weeks[0], tier=None, now=NOW + 2 * A_WEEK)
    write_web(engine, RULES, tmp_path / "web", now=NOW + 2 * A_WEEK)
    return tmp_path / "web"


def test_every_cap_message_is_valid_and_refers_to_what_was_before(told: Path, repo_root: Path) -> None:
    schema = lxml.etree.XMLSchema(lxml.etree.parse(repo_root / "tests" / "ml" / "alerts" / "cap-1.2.xsd"))
    found = {path.stem: lxml.etree.parse(path).getroot() for path in (told / "cap").glob("*.xml")}
    for alert in found.values():
        schema.assertValid(alert)
        for info in alert.findall(f"{CAP}info"):
            begin, end = (dt.datetime.fromisoformat(info.findtext(f"{CAP}{n}") or "") for n in ("effective", "expires"))
            sent = dt.datetime.fromisoformat(alert.findtext(f"{CAP}sent") or "")
            assert sent <= begin < end
    life = sorted(
        (alert for alert in found.values() if "鈷" in _headline(alert)), key=lambda a: a.findtext(f"{CAP}identifier")
    )
    assert [alert.findtext(f"{CAP}msgType") for alert in life] == ["Alert", "Update", "Update", "Cancel"]
    references = [(alert.findtext(f"{CAP}references") or "").split() for alert in life]
    ids = [
        ",".join(alert.findtext(f"{CAP}{name}") or "" for name in ("sender", "identifier", "sent")) for alert in life
    ]
    assert references == [[], ids[:1], ids[:2], ids[:3]]
    drills = [alert for alert in found.values() if alert.findtext(f"{CAP}status") == "Exercise"]
    assert len(drills) == 1
    assert "演習" in _headline(drills[0])


def _headline(alert: Any) -> str:
    return " ".join(info.findtext(f"{CAP}headline") or "" for info in alert.findall(f"{CAP}info"))


def test_the_feed_is_atom_with_ids_that_stay(told: Path, engine: Engine) -> None:
    text = (told / "warnings.atom").read_text()
    parsed = feedparser.parse(text)
    assert not parsed.bozo
    assert parsed.version == "atom10"
    ids = [entry.id for entry in parsed.entries]
    assert len(set(ids)) == len(ids) == 7
    assert all(each.startswith("tag:example.org,2026:oresight:") for each in ids)
    times = [entry.updated_parsed for entry in parsed.entries]
    assert times == sorted(times, reverse=True)
    assert sum(entry.title.startswith("DRILL: ") for entry in parsed.entries) == 1
    for entry in parsed.entries:
        for link in entry.get("links", []):
            if link.rel == "enclosure":
                assert (told / link.href).exists()
    write_web(engine, RULES, told, now=NOW + 3 * A_WEEK)
    assert (told / "warnings.atom").read_text() == text


def test_the_page_shows_states_and_carries_no_script(told: Path) -> None:
    page = (told / "index.html").read_text()
    tree = lxml.html.fromstring(page)
    assert not tree.xpath("//script | //link[@rel='stylesheet'] | //img | //iframe")
    assert not re.search(r"<[^>]+ (on\w+|src)=", page)
    rows = {row.get("id"): " ".join(row.text_content().split()) for row in tree.xpath("//tr[@id]")}
    assert len(rows) == 5
    cobalt = next(row for row in rows.values() if "Cobalt" in row and "DRILL" not in row)
    assert "cleared" in cobalt
    assert "duty <b>desk</b>" in cobalt
    # Four stand, one of them a drill.
    assert "3 warnings are open" in " ".join(tree.text_content().split())
    assert sum("DRILL 演習" in row for row in rows.values()) == 1
