"""The OECD's inventory, as documented: spells of years become acts, and lines stay countable."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.errors import BadInput
from features.sources import oecd_restrictions as oecd
from features.sources.spec import Harvest
from tests.builders import utc

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
HEADER = (
    "STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA,Reference area,PRODUCT,Product,MEASURE,Measure,TIME_PERIOD,OBS_VALUE,"
    "INTRODUCTION_DATE"
)


def line(year: int, product: str = "260300", measure: str = "Export tax", area: str = "COD", **other: str) -> str:
    value, day = other.get("value", "1"), other.get("day", "")
    return f"DATAFLOW,OECD.TAD:X(1.0),I,{area},Somewhere,{product},Something,M,{measure},{year},{value},{day}"


def harvest(folder: Path, *lines: str, header: str = HEADER) -> Harvest:
    path = folder / "oecd_restrictions.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    found = oecd.harmonise(oecd.parse(path), load_catalog(), file=path.name, lag=None, now=NOW)
    datasets.check("measures", found.tables["measures"], where="test")
    return found


def test_consecutive_years_are_one_act_that_ended_before_the_last_year(tmp_path: Path):
    anchor = [line(2009, area="IDN"), line(2015, area="IDN")]
    found = harvest(tmp_path, *anchor, line(2011), line(2012), line(2014), line(2011, "740200"))
    table = found.tables["measures"].query("supplier == 'COD' and mineral == 'copper'")
    first, second = table[table["ended_at"].isna()].to_dict("records")
    assert first["event_id"] == "OECD-COD-export-tax-2011"
    assert (first["available_at"], first["confidence"]) == (utc("2012-01-01"), "low")
    assert pd.isna(first["announced_at"])
    assert second["event_id"] == "OECD-COD-export-tax-2014"
    ends = table[table["ended_at"].notna()].set_index("event_id")["ended_at"]
    assert ends.to_dict() == {
        "OECD-COD-export-tax-2011": utc("2012-12-31"),
        "OECD-COD-export-tax-2014": utc("2014-12-31"),
    }


def test_products_of_one_mineral_that_begin_together_are_lines_of_one_act(tmp_path: Path):
    found = harvest(tmp_path, line(2010, "282200"), line(2010, "810520"), line(2010, "260500"))
    (row,) = found.tables["measures"].query("mineral == 'cobalt'").to_dict("records")
    assert len(row["hs_codes"].split(";")) >= 2


def test_a_day_of_introduction_dates_the_act(tmp_path: Path):
    found = harvest(tmp_path, line(2009, area="IDN"), line(2012, day="2012-05-16"))
    row = found.tables["measures"].query("supplier == 'COD'").iloc[0]
    assert (row["announced_at"], row["available_at"], row["confidence"]) == (
        utc("2012-05-16"),
        utc("2012-05-17"),
        "high",
    )


@pytest.mark.parametrize("days", [("2012-02-01", "2012-11-01"), ("2012-11-01", "2012-02-01"), ("2012-02-01", "")])
def test_products_introduced_on_other_days_are_other_acts(tmp_path: Path, days: tuple[str, str]):
    lines = [line(2012, product, day=day) for product, day in zip(("282200", "810520"), days, strict=True)]
    table = harvest(tmp_path, line(2009, area="IDN"), *lines).tables["measures"]
    found = table.query("supplier == 'COD' and mineral == 'cobalt'").set_index("hs_codes")
    for code, day in zip(("282200", "810520"), days, strict=True):
        row = found.loc[code]
        if day:
            assert (row["announced_at"], row["effective_at"], row["confidence"]) == (utc(day), utc(day), "high")
            assert row["available_at"] == utc(day) + pd.Timedelta(days=1)
        else:
            assert (row["available_at"], row["confidence"]) == (utc("2013-01-01"), "low")
            assert pd.isna(row["announced_at"])
            assert pd.isna(row["effective_at"])
    assert found["event_id"].is_unique


@pytest.mark.parametrize(
    ("year", "day", "field"),
    [
        (2012, "0200-01-01", "introduced"),
        (2012, "2999-01-01", "introduced"),
        (2012, "2012-02-30", "introduced"),
        (2012, "soon", "introduced"),
        (1912, "", "year"),
        (2999, "", "year"),
    ],
)
def test_a_date_that_cannot_be_right_leaves_the_line_out_and_is_listed(tmp_path: Path, year: int, day: str, field: str):
    found = harvest(tmp_path, line(2009, area="IDN"), line(year, day=day))
    assert found.counts == {"entries taken as measures": 1, "left out: date that cannot be right": 1}
    assert found.left_out[["row", "field", "value"]].to_numpy().tolist() == [[2, field, day or str(year)]]
    alone = harvest(tmp_path, line(year, day=day))
    assert len(alone.left_out) == 1


def test_an_act_that_is_older_than_1990_counts_from_its_first_year(tmp_path: Path):
    row = harvest(tmp_path, line(2009, day="1974-05-01"), line(2010, area="IDN")).tables["measures"].iloc[0]
    assert (row["available_at"], row["confidence"]) == (utc("2010-01-01"), "low")
    assert pd.isna(row["effective_at"])


@pytest.mark.parametrize(
    ("measure", "kind"),
    [
        ("Export prohibition", "export_ban"),
        ("Licensing requirement", "licensing"),
        ("Minimum export price", "price_floor_or_quota"),
        ("VAT tax rebate reduction/withdrawal", "export_tax"),
        ("Domestic market obligation", "other"),
        ("Captive mining", "other"),
        ("Fiscal tax on exports", "export_tax"),
        ("Export quota", "export_quota"),
    ],
)
def test_types_of_the_inventory(tmp_path: Path, measure: str, kind: str):
    assert harvest(tmp_path, line(2010, measure=measure)).tables["measures"]["kind"].unique().tolist() == [kind]


def test_codes_without_labels_are_read_too(tmp_path: Path):
    header = "STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA,PRODUCT,MEASURE,TIME_PERIOD,OBS_VALUE"
    found = harvest(tmp_path, "DATAFLOW,X,I,COD,260300,LIC,2010,1", header=header)
    assert found.tables["measures"]["kind"].tolist() == ["licensing"]


def test_everything_else_is_accounted_for(tmp_path: Path):
    lines = [line(2010), line(2010, "440320"), line(2010, area="W"), line(2010, value="0")]
    found = harvest(tmp_path, *lines, line(2011, measure="No restriction"))
    assert found.counts == {
        "entries taken as measures": 1,
        "left out: no mineral of the catalogue": 1,
        "left out: no country of the catalogue": 1,
        "left out: no restriction in that year": 2,
    }
    assert len(found.left_out) == 4


def test_an_unknown_type_year_or_header_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match=r"row 1, field measure: .*export prohibition"):
        harvest(tmp_path, line(2010, measure="Export blessing"))
    with pytest.raises(BadInput, match="row 1, field year"):
        harvest(tmp_path, line(2010).replace("2010", "2010-Q1"))
    with pytest.raises(BadInput, match="measure as MEASURE"):
        harvest(tmp_path, "COD,260300,2010", header="REF_AREA,PRODUCT,TIME_PERIOD")


def test_the_request_asks_for_labelled_csv_since_2009():
    (request,) = oecd.requests("https://sdmx.oecd.org/public/rest/data/X/all", now=NOW, key=None)
    assert request.address.endswith(
        "/all?startPeriod=2009&dimensionAtObservation=AllDimensions&format=csvfilewithlabels"
    )
