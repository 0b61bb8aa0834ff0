"""The ledger: rows as canonical bytes, kinds by the clock, a chain that names what was changed and survives kills."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from features.errors import BadInput, ContractError, OresightError
from features.knowledge_time import as_moment
from ml.ledger import chain
from ml.ledger.chain import GENESIS, Ledger, line_hash
from ml.ledger.check import Fault, check_chain
from ml.ledger.entries import LEDGER_COLUMNS, entry_rows, kinds_of, seal
from tests.ml.test_contract import good_table

A_WEEK = dt.timedelta(days=7)
NOW = as_moment("2019-06-03") + dt.timedelta(hours=6)


def week(number: int = 0) -> pd.DataFrame:
    """Twelve forecasts of one week in the ledger's form, four of them abstained."""
    table = good_table()
    return entry_rows(table.assign(as_of=table["as_of"] + number * A_WEEK), issued_at=NOW + number * A_WEEK)


def write(ledger: Ledger, numbers: range = range(3)) -> None:
    with ledger.writing() as writer:
        for number in numbers:
            assert writer.append(f"w{number}", week(number), recorded_at=NOW)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Three batches of twelve rows."""
    made = Ledger(tmp_path / "ledger")
    write(made)
    return made


def change_rows(ledger: Ledger, batch: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = ledger.folder / "rows" / f"{batch}.parquet"
    change(pd.read_parquet(path)).to_parquet(path, index=False)


# ---- rows -----------------------------------------------------------------------------------------


def test_a_row_is_hashed_as_the_documented_text() -> None:
    rows = week().head(1)
    assert rows["abstained"].tolist() == [False]
    midnight, issued = 1559520000000000, 1559541600000000
    cells = {
        **rows.iloc[0].to_dict(),
        "as_of": midnight,
        "issued_at": issued,
        "window_start": 1546300800000000,
        "window_end": 1577750400000000,
        "data_as_of": int(rows["data_as_of"].iloc[0].timestamp()) * 1_000_000,
        "reason": None,
        "onset": bool(rows["onset"].iloc[0]),
        "alert": bool(rows["alert"].iloc[0]),
        "abstained": False,
        "stale": bool(rows["stale"].iloc[0]),
    }
    text = json.dumps([cells[name] for name in LEDGER_COLUMNS], separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    assert seal(rows).marks == digest[:4]
    assert seal(rows).digest == hashlib.sha256(digest).hexdigest()


def test_what_parquet_gives_back_has_the_same_seal(tmp_path: Path) -> None:
    rows = week()
    rows.to_parquet(tmp_path / "rows.parquet", index=False)
    assert seal(pd.read_parquet(tmp_path / "rows.parquet")) == seal(rows)


def test_abstained_forecasts_are_kept_and_a_forecast_twice_is_refused() -> None:
    assert int(week()["abstained"].sum()) == 4
    with pytest.raises(ContractError, match="twice: 2019-06-03"):
        entry_rows(pd.concat([good_table(), good_table().tail(1)]), issued_at=NOW)
    with pytest.raises(ContractError, match="lack tier"):
        entry_rows(good_table().drop(columns="tier"), issued_at=NOW)


@pytest.mark.parametrize(
    ("issued", "current_year", "next_year"),
    [
        ("2019-06-03", "live", "live"),
        ("2019-06-09", "live", "live"),
        ("2019-06-10", "late", "late"),
        ("2021-01-31", "late", "late"),
        ("2021-02-01", "backfill", "late"),  # the figures of 2019 can be out
        ("2022-02-01", "backfill", "backfill"),
    ],
)
def test_kinds_follow_the_clock_and_the_publishers_calendar(issued: str, current_year: str, next_year: str) -> None:
    table = good_table()
    kinds = kinds_of(table, as_moment(issued))
    assert set(kinds[table["horizon"].eq("current_year")]) == {current_year}
    assert set(kinds[table["horizon"].eq("next_year")]) == {next_year}
    assert set(entry_rows(table, issued_at=as_moment(issued), kind="shadow")["kind"]) == {"shadow"}


# ---- the chain ------------------------------------------------------------------------------------


def test_each_line_holds_the_hash_of_the_line_before(ledger: Ledger) -> None:
    entries = ledger.entries()
    assert [entry["number"] for entry in entries] == [0, 1, 2]
    assert [entry["previous"] for entry in entries] == [GENESIS, entries[0]["hash"], entries[1]["hash"]]
    assert all(entry["hash"] == line_hash(entry) for entry in entries)
    assert entries[0]["kinds"] == {"live": 12}
    assert check_chain(ledger) == []
    assert len(ledger.rows()) == 36


def test_the_same_batch_again_adds_nothing(ledger: Ledger) -> None:
    before = {path: path.read_bytes() for path in ledger.folder.rglob("*.*") if path.is_file()}
    with ledger.writing() as writer:
        assert not writer.append("w1", week(7), recorded_at=NOW)
    assert {path: path.read_bytes() for path in ledger.folder.rglob("*.*") if path.is_file()} == before


def test_two_writers_are_excluded(ledger: Ledger) -> None:
    with (
        ledger.writing(),
        pytest.raises(OresightError, match="another process is adding to the ledger"),
        ledger.writing(),
    ):
        pass


@pytest.mark.parametrize("column", ["probability", "alert", "tier", "as_of", "reason", "kind"])
def test_one_changed_cell_is_found_and_named(ledger: Ledger, column: str) -> None:
    other = {
        "probability": 0.123,
        "alert": None,
        "tier": "low",
        "as_of": week(9)["as_of"][0],
        "reason": "x",
        "kind": "late",
    }

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[5, column] = not rows.loc[5, "alert"] if column == "alert" else other[column]
        return rows

    row = week(1).iloc[5]
    change_rows(ledger, "w1", change)
    (fault,) = check_chain(ledger)
    assert (fault.batch, fault.field, fault.file) == ("w1", column, "rows/w1.parquet")
    names = [row["target"], row["horizon"], row["mineral"], row["supplier"]]
    assert fault.row.split()[1:] == names


def test_rows_that_are_gone_or_too_many_are_found(ledger: Ledger) -> None:
    change_rows(ledger, "w2", lambda rows: rows.drop(index=3))
    (fault,) = check_chain(ledger)
    assert (fault.batch, fault.expected, fault.found) == ("w2", "12 rows", "11 rows")
    extra = week(2).tail(1).assign(supplier="PER")
    change_rows(ledger, "w2", lambda rows: pd.concat([week(2), extra], ignore_index=True))
    first, second = check_chain(ledger)
    assert (first.expected, first.found) == ("12 rows", "13 rows")
    assert second.row.endswith("PER")


def test_the_same_rows_in_other_bytes_and_a_file_that_is_gone_are_told_apart(ledger: Ledger) -> None:
    path = ledger.folder / "rows" / "w0.parquet"
    pd.read_parquet(path).to_parquet(path, index=False, compression=None)
    assert [fault.found for fault in check_chain(ledger)] == ["other bytes that say the same"]
    path.unlink()
    assert [fault.found for fault in check_chain(ledger)] == ["no such file"]
    path.write_text("no Parquet")
    assert "Parquet with the ledger's columns" in check_chain(ledger)[0].expected


def lines_of(ledger: Ledger) -> list[dict]:
    return [json.loads(line) for line in ledger.path.read_text().splitlines()]


def rewrite(ledger: Ledger, entries: list[dict]) -> list[Fault]:
    ledger.path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return check_chain(ledger)


def test_a_changed_removed_or_moved_line_is_found(ledger: Ledger) -> None:
    first, second, third = lines_of(ledger)
    changed = {**second, "recorded_at": "2019-06-04T00:00:00+00:00"}
    assert [(fault.file, fault.field) for fault in rewrite(ledger, [first, changed, third])] == [
        ("chain.jsonl, line 2", "hash")
    ]
    # Whoever makes the hash anew breaks the next line.
    again = {**changed, "hash": line_hash(changed)}
    assert [(fault.file, fault.field) for fault in rewrite(ledger, [first, again, third])] == [
        ("chain.jsonl, line 3", "previous")
    ]
    assert {fault.field for fault in rewrite(ledger, [first, third])} == {"number", "previous"}
    assert {fault.file for fault in rewrite(ledger, [second, first, third])} == {
        f"chain.jsonl, line {number}" for number in (1, 2, 3)
    }
    assert rewrite(ledger, [first, second, third]) == []


# ---- kills ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [1, 2, 40, -2])
def test_a_torn_last_line_is_cut_off_and_what_was_whole_stays(ledger: Ledger, left: int) -> None:
    text = ledger.path.read_bytes()
    start = text.rfind(b"\n", 0, len(text) - 1) + 1
    torn = text[start:][:left]
    ledger.path.write_bytes(text[:start] + torn)
    assert [entry["batch"] for entry in ledger.entries()] == ["w0", "w1"]
    assert check_chain(ledger) == []
    write(ledger, range(2, 4))
    assert [entry["batch"] for entry in ledger.entries()] == ["w0", "w1", "w2", "w3"]
    assert check_chain(ledger) == []
    assert ledger.path.read_bytes().startswith(text[:start])


def test_a_last_line_that_lacks_only_its_end_stays(ledger: Ledger) -> None:
    text = ledger.path.read_bytes()
    ledger.path.write_bytes(text[:-1])
    write(ledger, range(3, 4))
    assert ledger.path.read_bytes().startswith(text)
    assert check_chain(ledger) == []


def test_a_kill_between_rows_and_line_leaves_a_batch_that_is_not_there(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(entry: object) -> str:
        raise KeyboardInterrupt

    before = ledger.path.read_bytes()
    with monkeypatch.context() as patch, ledger.writing() as writer:
        patch.setattr(chain, "line_hash", die)
        with pytest.raises(KeyboardInterrupt):
            writer.append("w3", week(3), recorded_at=NOW)
    assert ledger.path.read_bytes() == before
    assert (ledger.folder / "rows" / "w3.parquet").exists()
    write(ledger, range(3, 4))
    assert check_chain(ledger) == []
    assert len(ledger.rows()) == 48


def test_nothing_is_built_upon_a_broken_end(ledger: Ledger) -> None:
    first, second, third = lines_of(ledger)
    rewrite(ledger, [first, second, {**third, "rows": 11}])
    with pytest.raises(BadInput, match="hash is that of its content"), ledger.writing():
        pass
    ledger.path.write_text("{}}\n")
    with pytest.raises(BadInput, match="line 1"):
        ledger.entries()
    assert check_chain(ledger)[0].expected == "one JSON object"
