"""Each schema lets a good table pass and names row and field of a broken one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features import datasets
from features.errors import BadInput
from tests.builders import event, flow, rows, utc


def good_trade() -> pd.DataFrame:
    return rows("trade", [flow(2001, "COD", "CHN", 5), flow(2001, "COD", "USA", 7), flow(2002, "COD", "CHN", 9)])


def test_a_good_table_passes_in_the_fixed_column_order():
    shuffled = good_trade()[sorted(datasets.dataset("trade").columns)]
    checked = datasets.check("trade", shuffled, where="here")
    pd.testing.assert_frame_equal(checked, good_trade())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("value_usd", -1.0),
        ("value_usd", np.nan),
        ("value_usd", np.inf),
        ("quantity_tonnes", -0.001),
        ("quantity_tonnes", np.inf),
        ("hs_code", "28220"),
        ("supplier", "cod"),
        ("importer", "US"),
        ("year", 1900),
    ],
)
def test_a_broken_value_is_named_with_row_and_field_and_its_repair_passes(field: str, value: object):
    table = good_trade()
    right = table.loc[1, field]
    table.loc[1, field] = value
    with pytest.raises(BadInput, match=f"^payload.csv, row 2, field {field}: expected .*, found ") as caught:
        datasets.check("trade", table, where="payload.csv")
    assert caught.value.exit_code == 3
    assert "1 value(s) break the schema of trade" in caught.value.remedy
    table.loc[1, field] = right
    datasets.check("trade", table.astype(good_trade().dtypes.to_dict()), where="payload.csv")


def test_a_missing_and_an_extra_column_are_both_named():
    table = good_trade().rename(columns={"value_usd": "value"})
    with pytest.raises(BadInput, match=r"missing \['value_usd'\], extra \['value'\]"):
        datasets.check("trade", table, where="payload.csv")


def test_two_figures_for_one_fact_and_moment_are_refused():
    table = pd.concat([good_trade(), good_trade().tail(1).assign(value_usd=1.0)])
    with pytest.raises(BadInput, match=r"payload.csv, row \d"):
        datasets.check("trade", table, where="payload.csv")
    later = table["available_at"].where(table["value_usd"].ne(1.0), utc("2030-01-01"))
    datasets.check("trade", table.assign(available_at=later), where="payload.csv")


@pytest.mark.parametrize("dtype", ["datetime64[ns, UTC]", "datetime64[us, Asia/Taipei]", "datetime64[us]"])
def test_moments_of_another_unit_or_zone_are_refused(dtype: str):
    naive = good_trade()["available_at"].dt.tz_localize(None)
    other = naive.astype(dtype) if dtype == "datetime64[us]" else good_trade()["available_at"].astype(dtype)
    with pytest.raises(BadInput, match="field available_at"):
        datasets.check("trade", good_trade().assign(available_at=other), where="here")


@pytest.mark.parametrize(
    ("field", "value"),
    [("severity", 4), ("severity", 0), ("direction", "up"), ("confidence", "sure"), ("supplier", "X")],
)
def test_a_broken_event_is_named(field: str, value: object):
    good = [event("a", "cobalt", "COD", "2010-01-05"), event("b", "cobalt", "COD", "2010-01-05")]
    datasets.check("measures", rows("measures", good), where="events.csv")
    with pytest.raises(BadInput, match=f"row 2, field {field}"):
        datasets.check("measures", rows("measures", [good[0], {**good[1], field: value}]), where="events.csv")


@pytest.mark.parametrize("name", ["measures", "incidents"])
@pytest.mark.parametrize("field", ["announced_at", "effective_at", "ended_at", "available_at"])
@pytest.mark.parametrize("year", ["0200", "1899", "2200", "9999"])
def test_a_moment_of_an_event_lies_in_our_time(name: str, field: str, year: str):
    good = event("a", "cobalt", "COD", "2010-01-05")
    table = rows(name, [good, good | {"event_id": "b"}])
    if field not in table:
        return
    moment = pd.Timestamp(f"{year}-06-01", tz="UTC")
    table.loc[1, field] = moment
    with pytest.raises(BadInput, match=f"row 2, field {field}: expected in_range"):
        datasets.check(name, table.astype({field: datasets.MOMENT}), where="events.csv")


def test_an_unknown_dataset_is_refused_with_the_known_ones():
    with pytest.raises(
        BadInput, match="one of trade, mirror_trade, prices, production, production_monthly, governance"
    ):
        datasets.dataset("prices_of_tea")


@pytest.mark.parametrize("name", datasets.DATASETS)
def test_an_empty_table_has_the_types_of_its_schema(name: str):
    table = datasets.empty(name)
    assert len(table) == 0
    pd.testing.assert_frame_equal(datasets.check(name, table, where="nowhere"), table)
    moments = [column for column in table if column.endswith("_at")]
    assert moments
    assert {str(table[column].dtype) for column in moments} == {"datetime64[us, UTC]"}


def test_every_dataset_has_a_key_a_sentence_and_knowledge_time():
    for name, spec in datasets.DATASETS.items():
        assert spec.name == name
        assert spec.sentence.endswith(".")
        assert set(spec.key) < set(spec.columns)
        assert spec.columns[-3:] == ["available_at", "source", "is_retracted"]
