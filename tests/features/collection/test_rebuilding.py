"""Reading everything again: the same store from the same files, the right order, and no half-made exchange."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from features import collection
from features.collection import ingest, ingest_bundle, rebuilding
from features.collection.payloads import kept, quarantined
from features.collection.rebuilding import find_kept, rebuild, recover, withdraw_file
from features.collection.vintages import OutOfOrder, read_vintages
from features.errors import BadInput, ConfigError
from features.store import Store
from tests.tea import moment, tea_csv, tea_source

NOW = moment("2026-11-25")


@pytest.fixture(scope="module")
def bundle_of_events(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a store of the first events only, which is as much as is said of the bundle here."""
    bundle = tmp_path_factory.mktemp("bundle")
    lines = (collection.BUNDLE / "events.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (bundle / "events.csv").write_text("".join(lines[:60]), encoding="utf-8")
    folder = tmp_path_factory.mktemp("events") / "datasets"
    with pytest.MonkeyPatch.context() as patch:
        for module in (collection, rebuilding):
            patch.setattr(module, "BUNDLE", bundle)
        patch.setattr(collection, "BUNDLE_FILES", {"events": "events.csv"})
        ingest_bundle(Store(folder), now=NOW)
        yield folder


@pytest.fixture
def store(tmp_path: Path, bundle_of_events: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    tea_source(monkeypatch)
    return Store(Path(shutil.copytree(bundle_of_events, tmp_path / "home" / "datasets")))


def take(store: Store, tmp_path: Path, name: str, prices: dict, released: str | None = None, **options):
    path = tea_csv(tmp_path / name, prices)
    return ingest(store, "tea", path, now=NOW, released=released and moment(released), **options)


def known(store: Store) -> list[tuple[float, str]]:
    rows = store.history("prices", as_of=NOW)
    return [(price, f"{at:%Y-%m-%d}") for price, at in zip(rows["price"], rows["available_at"], strict=True)]


def test_a_rebuilt_store_says_the_same_at_every_date(store: Store, tmp_path: Path):
    take(store, tmp_path, "a.csv", {"2020-01": 1, "2020-02": 2})
    take(store, tmp_path, "b.csv", {"2020-01": 1.5, "2020-02": 2, "2020-04": 4}, "2020-05-03")
    take(store, tmp_path, "c.csv", {"2020-01": 1, "2020-02": 2, "2020-03": 3, "2020-04": 4}, "2020-06-03")
    take(store, tmp_path, "c.csv", {"2020-01": 1, "2020-02": 2, "2020-03": 3, "2020-04": 4}, "2020-07-03")
    days = [moment(day) for day in ("2010-01-01", "2020-02-05", "2020-05-03", "2020-06-03", "2026-11-25")]
    before = [store.digest(as_of=day) for day in days]
    vintages = [vintage.released for vintage in read_vintages(store, "tea")]
    done = rebuild(store, now=NOW)
    assert [store.digest(as_of=day) for day in days] == before
    assert [vintage.released for vintage in read_vintages(store, "tea")] == vintages
    assert done.before == done.after
    assert Store(Path(done.old)).digest(as_of=NOW) == before[-1]
    assert not list(store.folder.parent.glob(".rebuilt-*"))


def test_a_store_with_columns_of_an_older_version_is_rebuilt(store: Store, tmp_path: Path):
    take(store, tmp_path, "a.csv", {"2020-01": 1})
    before = store.digest(as_of=NOW)
    (path,) = store.batches("measures")
    pd.read_parquet(path).drop(columns="evidence").to_parquet(path, index=False)
    with pytest.raises(BadInput, match="oresight rebuild"):
        store.read("measures", as_of=NOW)
    done = rebuild(store, now=NOW)
    assert done.before == done.after
    assert store.digest(as_of=NOW) == before


def test_a_release_that_came_too_late_is_read_in_its_place(store: Store, tmp_path: Path):
    take(store, tmp_path, "new.csv", {"2020-01": 2}, "2020-06-10")
    with pytest.raises(OutOfOrder):
        take(store, tmp_path, "old.csv", {"2020-01": 1}, "2020-03-10")
    assert known(store) == [(2, "2020-02-05")]
    rebuild(store, now=NOW)
    assert known(store) == [(1, "2020-02-05"), (2, "2020-06-10")]


def test_a_wrong_release_date_is_put_right_by_giving_the_file_again_and_rebuilding(store: Store, tmp_path: Path):
    take(store, tmp_path, "a.csv", {"2020-01": 1}, "2020-03-10")
    take(store, tmp_path, "b.csv", {"2020-01": 2}, "2020-09-10")
    with pytest.raises(OutOfOrder):
        take(store, tmp_path, "b.csv", {"2020-01": 2}, "2020-06-10")
    rebuild(store, now=NOW)
    assert known(store) == [(1, "2020-02-05"), (2, "2020-06-10")]


def test_an_older_release_goes_before_undated_files_that_know_more(store: Store, tmp_path: Path):
    take(store, tmp_path, "undated.csv", {"2020-01": 2, "2020-05": 5})
    with pytest.raises(OutOfOrder):
        take(store, tmp_path, "old.csv", {"2020-01": 1}, "2020-03-10")
    rebuild(store, now=NOW)
    # The undated file counts from when its newest figure was due, the fifth of June.
    assert known(store) == [(1, "2020-02-05"), (2, "2020-06-05"), (5, "2020-06-05")]


def test_files_of_unknown_date_keep_their_place_among_the_others(store: Store, tmp_path: Path):
    # Were the undated file read first, the dated one's January would count from June.
    path = tea_csv(tmp_path / "dated.csv", {"2020-01": 1})
    ingest(store, "tea", path, now=moment("2020-06-10"), released=moment("2020-06-10"))
    undated = tea_csv(tmp_path / "undated.csv", {"2020-02": 2, "2020-03": 3})
    ingest(store, "tea", undated, now=moment("2020-06-11"))
    before = known(store)
    assert before == [(1, "2020-02-05"), (2, "2020-03-05"), (3, "2020-04-05")]
    rebuild(store, now=NOW)
    assert known(store) == before


def test_a_file_that_was_taken_out_is_no_longer_read(store: Store, tmp_path: Path):
    take(store, tmp_path, "good.csv", {"2020-01": 1}, "2020-03-10")
    digest = store.digest(as_of=NOW)
    take(store, tmp_path, "bad.csv", {"2020-01": 9}, "2020-06-10")
    withdraw_file(store, find_kept(store, "bad.csv"), now=NOW)
    rebuild(store, now=NOW)
    assert store.digest(as_of=NOW) == digest
    (aside,) = quarantined(store.folder.parent / "payloads", "tea")
    assert (aside.file, aside.reason) == ("bad.csv", "taken out by hand")


def test_a_jump_that_was_accepted_once_stays_accepted(store: Store, tmp_path: Path):
    take(store, tmp_path, "a.csv", {"2020-01": 1}, "2020-03-10")
    take(store, tmp_path, "b.csv", {"2020-01": 1000}, "2020-06-10", accept_jumps=True)
    before = known(store)
    rebuild(store, now=NOW)
    assert known(store) == before


def test_a_rebuild_that_fails_changes_nothing(store: Store, tmp_path: Path):
    take(store, tmp_path, "a.csv", {"2020-01": 1}, "2020-03-10")
    digest = store.digest(as_of=NOW)
    (payload,) = kept(store.folder.parent / "payloads", "tea")
    payload.path.write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match=r"a.csv, header"):
        rebuild(store, now=NOW)
    assert store.digest(as_of=NOW) == digest
    assert not list(store.folder.parent.glob(".rebuilt-*"))
    assert not (store.folder.parent / "datasets.before-rebuild").exists()


def test_an_exchange_that_was_killed_in_the_middle_is_taken_back(store: Store, monkeypatch: pytest.MonkeyPatch):
    digest, rename = store.digest(as_of=NOW), Path.rename

    def killed(self: Path, target: Path) -> Path:
        if target == store.folder:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        rebuild(store, now=NOW)
    monkeypatch.undo()
    assert not store.folder.exists()
    recover(store.folder)
    assert store.digest(as_of=NOW) == digest
    recover(store.folder)
    assert store.digest(as_of=NOW) == digest


def test_a_kept_file_is_found_by_its_name_or_digest(store: Store, tmp_path: Path):
    take(store, tmp_path, "one/a.csv", {"2020-01": 1}, "2020-03-10")
    take(store, tmp_path, "two/a.csv", {"2020-02": 1}, "2020-04-10")
    first, second = kept(store.folder.parent / "payloads", "tea")
    assert find_kept(store, second.sha256[:10]) == second
    with pytest.raises(ConfigError, match=f"more than one kept file is 'a.csv'; there are .*{first.sha256[:12]}"):
        find_kept(store, "a.csv")
    with pytest.raises(ConfigError, match=r"no kept file is 'b.csv'"):
        find_kept(store, "b.csv")
