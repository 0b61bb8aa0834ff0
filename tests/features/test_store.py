"""The append-only store: laws of `as_of`, a slow twin of `read`, and what a killed append leaves behind."""

from __future__ import annotations

import datetime as dt
import inspect
import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import datasets
from features.errors import BadInput
from features.store import Store, connect
from tests.builders import event, flow, rows, utc

NAME = "governance"
KEY = ("year", "indicator", "supplier")
END = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


def day(number: int) -> dt.datetime:
    return dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=number)


def score(estimate: float, known: int, *, year: int = 2019, supplier: str = "COD", is_retracted: bool = False) -> dict:
    what = {"year": year, "indicator": "rule_of_law", "supplier": supplier, "estimate": float(estimate)}
    return what | {"available_at": day(known), "is_retracted": is_retracted}


def store_of(folder: Path, *batches: list[dict]) -> Store:
    store = Store(folder)
    for records in batches:
        store.append(NAME, rows(NAME, records), where="test")
    return store


def read_slowly(records: list[dict], as_of: dt.datetime) -> list[tuple]:
    """Give the facts known at `as_of` by walking through all records."""
    newest: dict[tuple, dict] = {}
    for record in records:
        key = tuple(record[name] for name in KEY)
        if record["available_at"] <= as_of and (
            key not in newest or record["available_at"] > newest[key]["available_at"]
        ):
            newest[key] = record
    return sorted((*key, record["estimate"]) for key, record in newest.items() if not record["is_retracted"])


def facts(table: pd.DataFrame) -> list[tuple]:
    return [tuple(row) for row in table[[*KEY, "estimate"]].itertuples(index=False)]


# Few keys, values and days, so that revisions, withdrawals, repeats and returns to an old figure are common.
RECORDS = st.lists(
    st.builds(
        score,
        st.sampled_from([0.0, -1.5, 2.0]),
        st.integers(0, 3),
        supplier=st.sampled_from(["COD", "CHN", "AUS"]),
        is_retracted=st.sampled_from([False, False, False, True]),
    ),
    max_size=10,
    unique_by=lambda record: (record["supplier"], record["available_at"]),
)
DAYS = [day(number) for number in (-1, 0, 1, 2, 4)]


def batches_by_day(records: list[dict], cuts: list[int]) -> list[list[dict]]:
    """Split into batches that arrive in the order in which they became known, borders at `cuts`."""
    ordered = sorted(records, key=lambda record: record["available_at"])
    edges = [day(-1), *(day(cut) for cut in sorted(set(cuts))), day(99)]
    groups = [[r for r in ordered if a <= r["available_at"] < b] for a, b in itertools.pairwise(edges)]
    return [group for group in groups if group]


# --- reading --------------------------------------------------------------------------------------


@given(records=RECORDS, cuts=st.lists(st.integers(0, 3), max_size=2))
@settings(max_examples=20, deadline=None)
def test_read_equals_a_slow_twin_whatever_the_batches(records: list[dict], cuts: list[int]):
    with tempfile.TemporaryDirectory() as folder:
        store = store_of(Path(folder), *batches_by_day(records, cuts))
        for as_of in DAYS:
            assert facts(store.read(NAME, as_of=as_of)) == read_slowly(records, as_of)


@given(records=RECORDS, cut=st.integers(0, 3))
@settings(max_examples=12, deadline=None)
def test_rows_known_later_never_change_an_answer(records: list[dict], cut: int):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        early = [record for record in records if record["available_at"] <= day(cut)]
        before, after = store_of(Path(one), early), store_of(Path(two), records)
        for as_of in (day(cut - 1), day(cut)):
            pd.testing.assert_frame_equal(before.read(NAME, as_of=as_of), after.read(NAME, as_of=as_of))
            pd.testing.assert_frame_equal(before.history(NAME, as_of=as_of), after.history(NAME, as_of=as_of))
            assert before.digest(as_of=as_of) == after.digest(as_of=as_of)


@given(records=RECORDS, cuts=st.lists(st.integers(0, 3), max_size=2))
@settings(max_examples=12, deadline=None)
def test_batch_borders_and_row_order_change_nothing_that_can_be_read(records: list[dict], cuts: list[int]):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        whole = store_of(Path(one), records[::-1])
        parts = store_of(Path(two), *batches_by_day(records, cuts))
        assert whole.digest(as_of=END) == parts.digest(as_of=END)
        pd.testing.assert_frame_equal(whole.history(NAME, as_of=END), parts.history(NAME, as_of=END))


@given(records=RECORDS)
@settings(max_examples=12, deadline=None)
def test_appending_the_same_again_adds_nothing(records: list[dict]):
    with tempfile.TemporaryDirectory() as folder:
        store = store_of(Path(folder), records)
        digest, files = store.digest(as_of=END), store.batches(NAME)
        assert store.append(NAME, rows(NAME, records), where="again") == 0
        assert (store.digest(as_of=END), store.batches(NAME)) == (digest, files)


def test_no_way_to_read_goes_without_a_date():
    readers = ["read", "history", "histories", "digest", "newest"]
    for name in readers:
        parameter = inspect.signature(getattr(Store, name)).parameters["as_of"]
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert parameter.default is inspect.Parameter.empty
    public = {name for name in vars(Store) if not name.startswith("_")}
    writers = {"append", "commit", "news", "writing"}
    about = {"batches", "records", "is_empty", "count", "check_columns"}
    assert public == {*readers, *writers, *about, "memory_limit", "threads"}


@pytest.mark.parametrize("reader", ["read", "history", "newest"])
def test_a_date_without_a_time_zone_is_refused(tmp_path: Path, reader: str):
    store = store_of(tmp_path, [score(1, 0)])
    with pytest.raises(BadInput, match="aware moment"):
        getattr(store, reader)(NAME, as_of=dt.datetime(2020, 6, 1))  # noqa: DTZ001


def test_a_digest_for_a_date_without_a_time_zone_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="aware moment"):
        store_of(tmp_path, [score(1, 0)]).digest(as_of=dt.datetime(2020, 6, 1))  # noqa: DTZ001


def test_the_moment_itself_is_included_and_one_microsecond_before_is_not(tmp_path: Path):
    store = store_of(tmp_path, [score(1, 3)])
    assert len(store.read(NAME, as_of=day(3))) == 1
    assert len(store.read(NAME, as_of=day(3) - dt.timedelta(microseconds=1))) == 0


def test_a_withdrawn_fact_is_gone_from_its_withdrawal_until_it_is_given_again(tmp_path: Path):
    store = store_of(tmp_path, [score(1, 0)], [score(1, 2, is_retracted=True)], [score(1, 5)])
    found = [facts(store.read(NAME, as_of=day(number))) for number in (0, 1, 2, 4, 5)]
    fact = [(2019, "rule_of_law", "COD", 1.0)]
    assert found == [fact, fact, [], [], fact]
    assert len(store.history(NAME, as_of=END)) == 3


def test_a_return_to_an_older_figure_in_one_batch_is_kept(tmp_path: Path):
    store = store_of(tmp_path, [score(1, 0)])
    assert store.append(NAME, rows(NAME, [score(2, 3), score(1, 5)]), where="test") == 2
    assert facts(store.read(NAME, as_of=day(5))) == [(2019, "rule_of_law", "COD", 1.0)]


def test_a_version_that_repeats_the_one_before_it_is_no_news(tmp_path: Path):
    store = store_of(tmp_path, [score(1, 0)])
    assert store.append(NAME, rows(NAME, [score(1, 4), score(3, 4, supplier="CHN")]), where="test") == 1
    assert store.history(NAME, as_of=END)["supplier"].tolist() == ["CHN", "COD"]


def test_newest_is_the_last_knowledge_time_not_after_the_date(tmp_path: Path):
    store = store_of(tmp_path, [score(1, 0), score(2, 4)])
    assert store.newest(NAME, as_of=day(3)) == day(0)
    assert store.newest(NAME, as_of=END) == day(4)
    assert store.newest(NAME, as_of=day(-1)) is None
    assert store.newest("trade", as_of=END) is None


def test_a_store_without_rows_reads_as_an_empty_table_with_types(tmp_path: Path):
    store = Store(tmp_path / "nothing")
    assert store.is_empty()
    for name in datasets.DATASETS:
        pd.testing.assert_frame_equal(store.read(name, as_of=END), datasets.empty(name))


@pytest.mark.parametrize("name", ["trade", "measures"])
def test_what_is_written_is_read_back_equal(tmp_path: Path, name: str):
    records = {
        "trade": [flow(2001, "AUS", "CHN", 5.1), flow(2001, "COD", "USA", 1 / 3)],
        "measures": [
            event("a;'\"|", "cobalt", "COD", "2010-01-05", title='禁止輸出, "x"\n'),
            event("b", "cobalt", "COD", "2010-01-05", ended_at=utc("2011-01-01")),
        ],
    }
    table = rows(name, records[name])
    store = Store(tmp_path / "it's")
    assert store.append(name, table, where="test") == 2
    pd.testing.assert_frame_equal(store.read(name, as_of=END), table)
    pd.testing.assert_frame_equal(store.histories([name], as_of=END)[name], table)


def test_a_store_that_an_older_version_filled_says_how_to_fill_it_anew(tmp_path: Path):
    store = Store(tmp_path / "old")
    table = rows("measures", [event("a", "cobalt", "COD", "2010-01-05")])
    store.append("measures", table, where="test")
    (path,) = store.batches("measures")
    table.drop(columns=["evidence", "hs_codes"]).to_parquet(path, index=False)
    told = r"measures.*missing \['evidence', 'hs_codes'\], extra \[\].*`oresight rebuild`"
    for reading in (lambda: store.read("measures", as_of=END), lambda: store.append("measures", table, where="test")):
        with pytest.raises(BadInput, match=told):
            reading()
    assert store.count("measures") == 1


# --- appending ------------------------------------------------------------------------------------


def test_two_figures_for_one_moment_contradict_each_other_and_nothing_is_stored(tmp_path: Path):
    store = store_of(tmp_path, [score(1, 0)])
    digest = store.digest(as_of=END)
    with pytest.raises(BadInput, match=r"file.csv, governance .*COD.*known later.*2020-01-01.*--released") as caught:
        store.append(NAME, rows(NAME, [score(4, 0, supplier="CHN"), score(2, 0)]), where="file.csv")
    assert caught.value.exit_code == 3
    assert store.digest(as_of=END) == digest
    assert store.append(NAME, rows(NAME, [score(2, 1)]), where="file.csv") == 1


def test_rows_that_break_the_schema_are_not_stored(tmp_path: Path):
    store = store_of(tmp_path, [score(1, 0)])
    digest = store.digest(as_of=END)
    with pytest.raises(BadInput, match=r"file\.csv, row 2, field estimate"):
        store.append(NAME, rows(NAME, [score(1, 1, supplier="CHN"), score(77, 1)]), where="file.csv")
    assert store.digest(as_of=END) == digest


def test_an_append_only_adds_files(tmp_path: Path):
    store = store_of(tmp_path, [score(1, 0)])
    before = {path: path.read_bytes() for path in store.batches(NAME)}
    store.append(NAME, rows(NAME, [score(2, 1)]), where="test")
    assert {path: path.read_bytes() for path in store.batches(NAME)}.items() > before.items()


def test_what_a_killed_append_left_behind_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = store_of(tmp_path, [score(1, 0)])
    digest = store.digest(as_of=END)

    def killed(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        store.append(NAME, rows(NAME, [score(2, 1)]), where="test")
    monkeypatch.undo()
    left = [path for path in (tmp_path / NAME).iterdir() if path not in store.batches(NAME)]
    assert len(left) == 1
    assert left[0].suffix == ".part"
    assert len(pd.read_parquet(left[0])) == 1
    assert store.digest(as_of=END) == digest
    assert store.append(NAME, rows(NAME, [score(2, 1)]), where="test") == 1
    assert facts(store.read(NAME, as_of=END)) == [(2019, "rule_of_law", "COD", 2.0)]


def test_the_digest_sees_every_column(tmp_path: Path):
    one = rows("measures", [event("a", "cobalt", "COD", "2010-01-05", ended_at=utc("2011-01-01"))])
    changes = {
        "mineral": "copper",
        "supplier": "CHN",
        "kind": "licensing",
        "direction": "easing",
        "severity": 3,
        "effective_at": utc("2010-01-06"),
        "ended_at": utc("2011-01-02"),
        "title": "b",
        "confidence": "low",
        "source": "another",
        "is_retracted": True,
        "available_at": utc("2010-01-06"),
    }
    digests = set()
    for number, change in enumerate([{}, *({name: value} for name, value in changes.items())]):
        store = Store(tmp_path / str(number))
        store.append("measures", one.assign(**change).astype(one.dtypes.to_dict()), where="test")
        digests.add(store.digest(as_of=END))
    assert len(digests) == len(changes) + 1


def test_answers_do_not_depend_on_the_machines_time_zone(tmp_path: Path):
    store_of(tmp_path, [score(1, 0), score(2, 4)])
    code = (
        "import datetime as dt, pathlib, sys; from features.store import Store; "
        "s, a = Store(pathlib.Path(sys.argv[1])), dt.datetime(2020, 1, 4, 23, 59, tzinfo=dt.UTC); "
        "print(s.digest(as_of=a), s.read('governance', as_of=a).to_csv(), s.newest('governance', as_of=a).isoformat())"
    )
    answers = [
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env={**os.environ, "TZ": zone, "PYTHONPATH": str(Path(__file__).parents[2])},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for zone in ("America/New_York", "Asia/Taipei")
    ]
    assert "2020-01-01T00:00:00+00:00" in answers[0]
    assert answers[0] == answers[1]


# --- connections ----------------------------------------------------------------------------------


def test_a_connection_has_the_limits_asked_for_and_shares_nothing_with_another() -> None:
    with connect("1GB", 1) as one, connect("1GB", 1) as other, connect("2GB", 2) as larger:
        one.register("told_rows", pd.DataFrame({"number": [1]}))
        other.register("told_rows", pd.DataFrame({"number": [2]}))
        larger.register("told_rows", pd.DataFrame({"number": [3]}))
        found = [db.execute("SELECT number FROM told_rows").fetchone() for db in (one, other, larger)]
        assert found == [(1,), (2,), (3,)]
        limits = "SELECT current_setting('threads'), current_setting('memory_limit')"
        assert [db.execute(limits).fetchone() for db in (one, larger)] == [(1, "953.6 MiB"), (2, "1.8 GiB")]
    with connect("1GB", 1) as later, pytest.raises(duckdb.CatalogException, match="told_rows"):
        later.execute("SELECT number FROM told_rows")


def test_what_was_read_may_be_written_to_and_is_read_anew(tmp_path: Path) -> None:
    store = store_of(tmp_path, [score(1.0, 0)])
    first = store.history(NAME, as_of=END)
    first.loc[:, "estimate"] = 5.0
    assert store.history(NAME, as_of=END)["estimate"].tolist() == [1.0]
    (path,) = store.batches(NAME)
    # Another file of the same name, length and second, as after a rebuild.
    times = path.stat()
    store_of(tmp_path / "other", [score(2.0, 0)]).batches(NAME)[0].replace(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert store.history(NAME, as_of=END)["estimate"].tolist() == [2.0]
