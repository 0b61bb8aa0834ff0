"""Releases of one source, read one after the other: from when each figure counts, and what may not be mixed up.

The expected dates are written from the rules in docs/decisions/0010-collection.md.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from features.collection import ingest, ingest_files
from features.collection.intake import Incoming
from features.collection.payloads import Origin, kept, quarantined
from features.collection.vintages import OutOfOrder, read_vintages
from features.errors import BadInput, OresightError
from features.store import Store
from tests.tea import moment, tea_csv, tea_source

NOW = moment("2026-11-25")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    tea_source(monkeypatch)
    return Store(tmp_path / "home" / "datasets")


def take(store: Store, tmp_path: Path, prices: dict, released: str | None = None, *, name: str = "tea", **options):
    number = len(list(tmp_path.glob("*.csv")))
    path = tea_csv(
        tmp_path / f"{number}.csv", prices, **{k: options.pop(k) for k in ("series", "unit") if k in options}
    )
    return ingest(store, name, path, now=NOW, released=released and moment(released), **options)


def known(store: Store) -> list[tuple[str, float, str]]:
    """Every version: month, price, from when it counts."""
    rows = store.history("prices", as_of=NOW)
    return [(f"{row.starts_on:%Y-%m}", row.price, f"{row.available_at:%Y-%m-%d}") for row in rows.itertuples()]


# --- the first release ----------------------------------------------------------------------------


def test_facts_of_a_first_release_keep_their_lag_dates_but_none_is_later_than_the_release(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-01": 1, "2020-02": 2, "2020-03": 3}, "2020-04-02")
    assert known(store) == [("2020-01", 1, "2020-02-05"), ("2020-02", 2, "2020-03-05"), ("2020-03", 3, "2020-04-02")]


def test_facts_of_a_first_release_of_unknown_date_keep_their_lag_dates(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-01": 1, "2020-03": 3})
    assert known(store) == [("2020-01", 1, "2020-02-05"), ("2020-03", 3, "2020-04-05")]


def test_several_files_of_the_first_release_are_one_release(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-01": 1}, "2021-01-01")
    take(store, tmp_path, {"2020-02": 2}, "2021-01-01")
    assert known(store) == [("2020-01", 1, "2020-02-05"), ("2020-02", 2, "2020-03-05")]


# --- later releases -------------------------------------------------------------------------------


def test_a_later_release_adds_what_changed_from_its_date_and_what_is_new_from_its_own(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-01": 1, "2020-02": 2}, "2020-03-10")
    receipt = take(store, tmp_path, {"2020-01": 1, "2020-02": 2.5, "2020-03": 3, "2020-04": 4}, "2020-05-02")
    assert known(store) == [
        ("2020-01", 1, "2020-02-05"),
        ("2020-02", 2, "2020-03-05"),
        ("2020-02", 2.5, "2020-05-02"),
        ("2020-03", 3, "2020-04-05"),
        ("2020-04", 4, "2020-05-02"),
    ]
    assert (receipt.added, receipt.revised, receipt.missing) == ({"prices": 3}, {"prices": 1}, 0)


def test_a_fact_that_the_release_before_lacked_counts_from_the_release_that_brings_it(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-02": 2}, "2020-06-10")
    take(store, tmp_path, {"2020-01": 1, "2020-02": 2, "2020-04": 4, "2020-05": 5, "2020-06": 6}, "2020-07-10")
    # January to May were due before June, and that release did not hold them.
    assert known(store) == [
        ("2020-01", 1, "2020-07-10"),
        ("2020-02", 2, "2020-03-05"),
        ("2020-04", 4, "2020-07-10"),
        ("2020-05", 5, "2020-07-10"),
        ("2020-06", 6, "2020-07-05"),
    ]


def test_the_release_before_is_strictly_earlier_and_other_files_of_the_same_are_not(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-01": 1}, "2020-02-10")
    take(store, tmp_path, {"2020-02": 2}, "2020-05-10")
    take(store, tmp_path, {"2020-03": 3}, "2020-05-10")
    assert known(store)[-1] == ("2020-03", 3, "2020-04-05")


def test_a_figure_that_changes_back_is_a_third_version(store: Store, tmp_path: Path):
    for price, day in ((1, "2020-03-01"), (2, "2020-04-01"), (1, "2020-05-01")):
        take(store, tmp_path, {"2020-01": price}, day)
    assert known(store) == [("2020-01", 1, "2020-02-05"), ("2020-01", 2, "2020-04-01"), ("2020-01", 1, "2020-05-01")]
    assert store.read("prices", as_of=moment("2020-04-30"))["price"].tolist() == [2]


def test_a_change_counts_a_tick_after_what_it_changes_if_that_counts_from_the_release_itself(
    store: Store, tmp_path: Path
):
    take(store, tmp_path, {"2020-01": 1})  # due on 5 February, of unknown date
    take(store, tmp_path, {"2020-01": 2}, "2020-02-03")
    first, second = store.history("prices", as_of=NOW)["available_at"]
    assert second - first == pd.Timedelta(1, "us")


def test_a_release_that_says_the_same_adds_no_row_and_is_remembered(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-02": 2}, "2020-03-10")
    before = known(store)
    assert take(store, tmp_path, {"2020-02": 2}, "2020-06-10").added == {"prices": 0}
    assert known(store) == before
    # February to May were not in the release of June either.
    take(store, tmp_path, {"2020-02": 2, "2020-04": 4}, "2020-07-10")
    assert known(store)[-1] == ("2020-04", 4, "2020-07-10")


def test_reading_the_same_file_twice_changes_nothing(store: Store, tmp_path: Path):
    path = tea_csv(tmp_path / "t.csv", {"2020-01": 1})
    for _ in range(2):
        ingest(store, "tea", path, now=NOW, released=moment("2020-03-01"))
    assert len(known(store)) == 1
    assert len(read_vintages(store, "tea")) == 1
    assert len(kept(store.folder.parent / "payloads", "tea")) == 1


def test_without_a_release_date_a_contradiction_is_refused(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-01": 1})
    with pytest.raises(BadInput, match=r"prices .*'series': 'green'.*--released YYYY-MM-DD"):
        take(store, tmp_path, {"2020-01": 2, "2020-02": 2})
    assert known(store) == [("2020-01", 1, "2020-02-05")]


# --- the order ------------------------------------------------------------------------------------


def test_an_older_release_after_a_newer_one_is_refused_kept_and_tells_the_way_out(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-01": 2}, "2020-06-10")
    with pytest.raises(OutOfOrder, match=r"oldest first, found one of 2020-03-10 after a newer one.*oresight rebuild"):
        take(store, tmp_path, {"2020-01": 1}, "2020-03-10")
    assert known(store) == [("2020-01", 2, "2020-02-05")]
    payloads = kept(store.folder.parent / "payloads", "tea")
    assert [each.releases[0].at for each in payloads] == [moment("2020-06-10"), moment("2020-03-10")]
    assert quarantined(store.folder.parent / "payloads", "tea") == []


def test_an_older_release_with_other_facts_only_is_taken(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-01": 2}, "2020-06-10")
    take(store, tmp_path, {"2020-02": 1}, "2020-04-10", series="black")
    assert ("2020-02", 1, "2020-03-05") in known(store)


def test_an_older_file_that_was_read_before_is_no_news_and_no_mistake(store: Store, tmp_path: Path):
    old = tea_csv(tmp_path / "old.csv", {"2020-01": 1})
    ingest(store, "tea", old, now=NOW, released=moment("2020-03-10"))
    take(store, tmp_path, {"2020-01": 2}, "2020-06-10")
    before = known(store)
    assert ingest(store, "tea", old, now=NOW, released=moment("2020-03-10")).added == {"prices": 0}
    assert known(store) == before


def test_files_given_together_are_read_oldest_release_first(store: Store, tmp_path: Path):
    days = ("2020-05-01", "2020-03-01", "2020-04-01")
    files = [
        Incoming(tea_csv(tmp_path / f"{day}.csv", {"2020-01": number + 1}), given=moment(day))
        for number, day in enumerate(days)
    ]
    receipts = ingest_files(store, "tea", files, now=NOW)
    assert [receipt.file for receipt in receipts] == [f"{day}.csv" for day in sorted(days)]
    assert [version[1:] for version in known(store)] == [(2, "2020-02-05"), (3, "2020-04-01"), (1, "2020-05-01")]


def test_an_undated_release_is_not_newer_than_one_dated_after_its_newest_fact_was_due(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-01": 1, "2020-05": 5})
    take(store, tmp_path, {"2020-01": 2}, "2020-06-10")
    assert known(store)[:2] == [("2020-01", 1, "2020-02-05"), ("2020-01", 2, "2020-06-10")]


def test_a_dated_release_that_lacks_the_newest_fact_of_an_undated_one_is_older(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-01": 1, "2020-05": 5})
    with pytest.raises(OutOfOrder):
        take(store, tmp_path, {"2020-01": 2}, "2020-04-10")


def test_rows_without_a_record_count_as_a_release_of_unknown_date(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-01": 1, "2020-05": 5})
    for record in store.records("vintages"):
        record.unlink()
    with pytest.raises(OutOfOrder):
        take(store, tmp_path, {"2020-01": 2}, "2020-04-10")


# --- who says when --------------------------------------------------------------------------------


def test_the_file_tells_its_release_a_folder_guesses_and_a_person_knows_best(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from features.collection.payloads import Release

    told = [moment("2020-03-02")]
    tea_source(monkeypatch, "told", released=lambda raw: told[0])
    guess = Release(moment("2020-03-01"), "folder")
    path = tea_csv(tmp_path / "a.csv", {"2020-01": 1})
    (by_file,) = ingest_files(store, "told", [Incoming(path, guessed=guess)], now=NOW)
    told[0] = None
    path = tea_csv(tmp_path / "b.csv", {"2020-02": 1}, series="black")
    (by_folder,) = ingest_files(store, "told", [Incoming(path, guessed=guess)], now=NOW)
    (by_hand,) = ingest_files(store, "told", [Incoming(path, given=moment("2020-03-03"), guessed=guess)], now=NOW)
    days = [f"{receipt.released:%Y-%m-%d}" for receipt in (by_file, by_folder, by_hand)]
    assert days == ["2020-03-02", "2020-03-01", "2020-03-03"]


def test_what_a_publisher_changes_without_a_new_date_counts_from_when_it_was_fetched(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tea_source(monkeypatch, "told", released=lambda raw: moment("2020-03-02"))
    for number, day in enumerate(("2020-03-03", "2020-03-20"), start=1):
        origin = Origin("https://tea.example.org", moment(day))
        path = tea_csv(tmp_path / f"{number}.csv", {"2020-01": number})
        ingest_files(store, "told", [Incoming(path, origin=origin)], now=NOW)
    assert known(store) == [("2020-01", 1, "2020-02-05"), ("2020-01", 2, "2020-03-20")]


def test_a_release_after_today_is_refused(store: Store, tmp_path: Path):
    with pytest.raises(BadInput, match="only from 2027-01-01"):
        take(store, tmp_path, {"2020-01": 1}, "2027-01-01")


# --- what is missing ------------------------------------------------------------------------------


def test_fewer_printed_digits_are_no_revision(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tea_source(monkeypatch, "short", ROUNDING={"price": 0.005})
    take(store, tmp_path, {"2020-01": 1.63000011, "2020-02": 2.5}, "2020-03-10", name="short")
    receipt = take(store, tmp_path, {"2020-01": 1.63, "2020-02": 2.51}, "2020-06-10", name="short")
    assert receipt.revised == {"prices": 1}
    assert known(store) == [
        ("2020-01", 1.63000011, "2020-02-05"),
        ("2020-02", 2.5, "2020-03-05"),
        ("2020-02", 2.51, "2020-06-10"),
    ]


def test_facts_that_a_release_lacks_are_counted_and_stay(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-01": 1, "2020-02": 2}, "2020-03-10")
    assert take(store, tmp_path, {"2020-02": 2}, "2020-06-10").missing == 1
    assert len(store.read("prices", as_of=NOW)) == 2


def test_a_source_that_withdraws_facts_by_leaving_them_out_says_so(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tea_source(monkeypatch, "list", WITHDRAWS=True)
    months = {f"2020-{month:02d}": month for month in range(1, 11)}
    take(store, tmp_path, months, "2020-12-10", name="list")
    receipt = take(store, tmp_path, {k: v for k, v in months.items() if v != 3}, "2021-01-10", name="list")
    assert (receipt.missing, receipt.withdrawn, receipt.added) == (1, 1, {"prices": 0})
    assert len(store.read("prices", as_of=moment("2021-01-09"))) == 10
    assert len(store.read("prices", as_of=moment("2021-01-10"))) == 9
    # What comes back is a fact again, and is not counted as missing in between.
    assert take(store, tmp_path, {k: v for k, v in months.items() if v != 3}, "2021-02-10", name="list").missing == 0
    assert take(store, tmp_path, months, "2021-03-10", name="list").added == {"prices": 1}
    assert len(store.read("prices", as_of=moment("2021-03-10"))) == 10


# --- drift ----------------------------------------------------------------------------------------

YEAR = {f"2020-{month:02d}": float(month) for month in range(1, 13)}


def refused(store: Store, tmp_path: Path, *args, words: str, **options) -> None:
    before = known(store)
    with pytest.raises(BadInput, match=words):
        take(store, tmp_path, *args, **options)
    assert known(store) == before
    (aside,) = quarantined(store.folder.parent / "payloads", options.get("name", "tea"))
    assert aside.path.read_bytes() == max(tmp_path.glob("*.csv"), key=lambda path: int(path.stem)).read_bytes()
    assert "expected" in aside.reason


@pytest.mark.parametrize("factor", [1000, 1e-3, 5e4])
def test_a_series_that_jumps_a_thousandfold_is_refused_and_the_last_good_data_stay(
    store: Store, tmp_path: Path, factor: float
):
    take(store, tmp_path, YEAR, "2021-01-10")
    jumped = {month: price * factor for month, price in YEAR.items()}
    refused(store, tmp_path, jumped, "2021-02-10", words=r"series green, field price.*12 revised .*--accept-jumps")


def test_a_jump_that_a_person_accepts_is_taken(store: Store, tmp_path: Path):
    take(store, tmp_path, YEAR, "2021-01-10")
    jumped = {month: price * 1000 for month, price in YEAR.items()}
    assert take(store, tmp_path, jumped, "2021-02-10", accept_jumps=True).revised == {"prices": 12}


def test_two_slips_put_right_and_an_ordinary_revision_are_no_jump(store: Store, tmp_path: Path):
    take(store, tmp_path, YEAR, "2021-01-10")
    assert take(store, tmp_path, YEAR | {"2020-01": 1000, "2020-02": 2000}, "2021-02-10").revised == {"prices": 2}
    halved = {month: price / 2 for month, price in YEAR.items()}
    assert take(store, tmp_path, halved, "2021-03-10").revised == {"prices": 12}


def test_a_series_of_which_little_is_stored_jumps_if_all_of_it_does(store: Store, tmp_path: Path):
    take(store, tmp_path, {"2020-01": 1.0}, "2021-01-10")
    refused(store, tmp_path, {"2020-01": 1000.0}, "2021-02-10", words="1 revised figure")


def test_a_figure_about_a_time_after_its_release_is_refused(store: Store, tmp_path: Path):
    refused(
        store, tmp_path, {"2020-01": 1, "2020-07": 1}, "2020-06-10",
        words=r"field starts_on: expected figures about times before 2020-06-10.*found 2020-07-01",
    )  # fmt: skip


def test_an_unknown_unit_is_refused(store: Store, tmp_path: Path):
    refused(store, tmp_path, {"2020-01": 1}, words="row 1, field unit.*an unknown unit", unit="usd_per_pound")


def test_a_missing_column_is_refused(store: Store, tmp_path: Path):
    path = tmp_path / "0.csv"
    path.write_text("series,month,price\ngreen,2020-01,1\n")
    with pytest.raises(BadInput, match=r"header: expected series,month,price,unit, found series,month,price"):
        ingest(store, "tea", path, now=NOW)
    (aside,) = quarantined(store.folder.parent / "payloads", "tea")
    assert aside.path.read_bytes() == path.read_bytes()


def test_a_reader_that_trips_is_a_file_that_is_refused(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tea_source(monkeypatch, "odd", parse=lambda path: {}["no such sheet"])
    with pytest.raises(BadInput, match=r"0.csv: expected CSV, found .*KeyError: 'no such sheet'"):
        take(store, tmp_path, {"2020-01": 1}, name="odd")


def test_a_list_that_loses_too_much_is_refused(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tea_source(monkeypatch, "list", WITHDRAWS=True)
    take(store, tmp_path, YEAR, "2021-01-10", name="list")
    fewer = dict(list(YEAR.items())[:9])
    refused(store, tmp_path, fewer, "2021-02-10", name="list", words="at least 80% of the 12 stored entries, found 3")
    assert take(store, tmp_path, fewer, "2021-02-10", name="list", accept_jumps=True).withdrawn == 3
    # What was accepted is no longer in quarantine.
    assert quarantined(store.folder.parent / "payloads", "list") == []


# --- at one stroke --------------------------------------------------------------------------------

CHILD = """
import os, signal, sys
from pathlib import Path
import pyarrow.parquet
from features.catalog import load_catalog
from features.collection import ingest, source
from features.knowledge_time import as_moment
from features.store import Store
replace = Path.replace
def killing(self, target):
    if "datasets" in str(target):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)
Path.replace = killing
# One import and one catalogue for all of them; no thread has been started, so a fork is a whole process.
source("events")
load_catalog()
for renames in range(int(sys.argv[2])):
    if not (child := os.fork()):
        left = [renames]
        home = Path(sys.argv[1]) / str(renames)
        ingest(Store(home / "datasets"), "events", home.parent / "events.csv", now=as_moment("2026-11-25"))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
MOST_RENAMES = 7


def test_an_ingestion_that_is_killed_anywhere_leaves_all_of_a_release_or_nothing(tmp_path: Path, repo_root: Path):
    from features.collection import BUNDLE

    lines = (BUNDLE / "events.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "events.csv").write_text("".join(lines[:40]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), str(MOST_RENAMES)],
        env={**os.environ, "PYTHONPATH": str(repo_root)}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    seen = []
    for renames, code in enumerate(done.stdout.split()):
        home = tmp_path / str(renames)
        store = Store(home / "datasets")
        rows = tuple(len(store.history(name, as_of=NOW)) for name in ("measures", "incidents", "coverage"))
        seen.append((rows, len(read_vintages(store, "events"))))
        if int(code) == 0:
            break
        assert int(code) == -signal.SIGKILL, done.stderr
        # The next one cleans up and stores it all.
        ingest(store, "events", tmp_path / "events.csv", now=dt.datetime.now(dt.UTC))
        assert len(store.history("incidents", as_of=NOW)) > 0
        assert not (home / "datasets" / "pending.json").exists()
    assert seen[:-1] == [((0, 0, 0), 0)] * (len(seen) - 1)
    assert len(seen) > 4
    assert min(seen[-1][0]) > 0


def test_two_at_once_are_refused(store: Store, tmp_path: Path):
    with store.writing(), pytest.raises(OresightError, match="another process is adding data"):
        take(store, tmp_path, {"2020-01": 1})


def test_one_bad_file_of_many_is_told_and_the_others_are_read(store: Store, tmp_path: Path):
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    good = tea_csv(tmp_path / "good.csv", {"2020-01": 1})
    told: list[str] = []
    receipts = ingest_files(
        store, "tea", [Incoming(bad), Incoming(good)], now=NOW,
        refused=lambda paths, problem: told.extend(path.name for path in paths),
    )  # fmt: skip
    assert told == ["bad.csv"]
    assert [receipt.file for receipt in receipts] == ["good.csv"]
    assert len(known(store)) == 1


def test_added_rows_are_counted_per_file(store: Store, tmp_path: Path):
    files = [
        tea_csv(tmp_path / "a.csv", {"2020-01": 1, "2020-02": 2}),
        tea_csv(tmp_path / "b.csv", {"2020-02": 2, "2020-03": 3}),
    ]
    receipts = ingest_files(store, "tea", [Incoming(path) for path in files], now=NOW)
    assert [receipt.added for receipt in receipts] == [{"prices": 2}, {"prices": 1}]
