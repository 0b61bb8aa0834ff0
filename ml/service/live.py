"""What one process of the service knows: the run that is current for its readers, the book of runs, the keys.

One thread looks at the database and makes everything new aside; readers see one reference change, so that a run becomes
current for all of them at one moment. Processes agree on that moment by the clock: `switch_seconds` after publication.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from features.errors import OresightError
from ml.database.connection import check_file
from ml.service.keys import Key, keys_from
from ml.service.listing import Listing
from ml.service.reading import NoTables, Reader, key_rows, pointer, record_stamp
from ml.service.snapshot import Book, Half, Snapshot, load_book, load_run

__all__ = ["GRACE", "Live", "Watcher"]

Clock = Callable[[], dt.datetime]
log = logging.getLogger("oresight.service")
# How long the service counts as ready without its database.
GRACE = dt.timedelta(minutes=1)
POLL_SECONDS = 0.5
# Runs kept besides the current one: earlier ones that readers still page through, or asked for.
KEPT_RUNS = 4


class Live:
    """What is known now. `snapshot`, `book` and `keys` are replaced, never changed; read each once per request."""

    def __init__(self, reader: Reader, clock: Clock, *, switch_seconds: float = 0.0) -> None:
        self.reader, self.clock = reader, clock
        self.switch_after = dt.timedelta(seconds=switch_seconds)
        self.snapshot: Snapshot | None = None
        self.book: Book | None = None
        self.keys: dict[str, Key] = {}
        self.record = ""
        self.away_since: dt.datetime | None = None
        self.away_why = ""
        self.seen_at: dt.datetime | None = None
        self._file: int | None = None
        self._kept: OrderedDict[str, Snapshot] = OrderedDict()
        self._made: dict[str, tuple[str, Listing]] = {}
        self._waiting: tuple[Snapshot, dt.datetime] | None = None
        self._lock, self._looking = threading.Lock(), threading.Lock()

    # ---- looking at the database -------------------------------------------------------------

    def look(self) -> bool:
        """Look once at the database and take in what is new.

        Returns:
            Whether another run became current for readers by this.
        """
        with self._looking:
            try:
                if self.snapshot is not None:
                    self._check_file()
                at = pointer(self.reader)
                keys = self._read_keys()
                record = record_stamp(self.reader)
                book = self.book
                if book is None or book.stamp != at.stamp:
                    book = load_book(self.reader, at)
                self._prepare(at.run_id, at.edition, at.set_at, book)
            except NoTables as problem:
                if self.book is not None:
                    # There was one: it was moved away, or is being restored.
                    return self._lost(problem)
                self.away_since, self.away_why = None, str(problem)
                return False
            except Half as problem:
                log.warning("%s; the run before stays current", problem)
                return False
            except OresightError as problem:
                return self._lost(problem)
            if self.away_since is not None:
                log.warning("the database answers again")
            self.away_since, self.away_why, self.seen_at = None, "", self.clock()
            self.keys, self.book, self.record = keys, book, record
            return self._switch()

    def _check_file(self) -> None:
        number = check_file(self.reader.engine)
        if number != self._file:
            # Another file is in its place: open connections would go on reading the one that was taken away.
            self.reader.engine.dispose()
            self._file = number

    def _read_keys(self) -> dict[str, Key]:
        try:
            return keys_from(key_rows(self.reader))
        except NoTables:
            return {}  # a schema from before there were keys

    def _lost(self, problem: Exception) -> bool:
        if self.away_since is None:
            self.away_since = self.clock()
            log.warning("%s; answering from the last run", problem)
        self.away_why = str(problem)
        # What is waiting was read whole, so it becomes current in its time with or without the database.
        return self._switch()

    def _prepare(self, run_id: str | None, edition: int, set_at: dt.datetime | None, book: Book) -> None:
        latest = self._waiting[0] if self._waiting else self.snapshot
        if run_id is None or run_id not in book.rows:
            return
        row = book.rows[run_id]
        if latest is not None and (latest.run, latest.edition) == (row, edition):
            return
        snapshot = load_run(self.reader, row, edition=edition)
        now = self.clock()
        moment = now if self.snapshot is None or set_at is None else min(set_at, now) + self.switch_after
        self._waiting = (snapshot, moment)

    def _switch(self) -> bool:
        if self._waiting is None or self.clock() < self._waiting[1]:
            return False
        before, (self.snapshot, _) = self.snapshot, self._waiting
        self._waiting = None
        if before is not None:
            self._keep(before)
        log.info("run %s is current (edition %s)", self.snapshot.run_id, self.snapshot.edition)
        return True

    @property
    def switches_at(self) -> dt.datetime | None:
        """When the run that was read already becomes current; None when none waits."""
        return self._waiting[1] if self._waiting else None

    # ---- what requests ask for ---------------------------------------------------------------

    def in_memory(self, run_id: str) -> Snapshot | None:
        """Give a run if it is in memory."""
        current = self.snapshot
        if current is not None and current.run_id == run_id:
            return current
        return self._kept.get(run_id)

    def load(self, run: dict[str, Any]) -> Snapshot:
        """Give any run on record, from memory or read now."""
        found = self.in_memory(run["run_id"])
        if found is None:
            found = load_run(self.reader, run)
            self._keep(found)
        return found

    def kept(self, name: str, stamp: str, make: Callable[[], Listing]) -> Listing:
        """Give a table that is made once per `stamp` and then kept."""
        found = self._made.get(name)
        if found is not None and found[0] == stamp:
            return found[1]
        listing = make()
        self._made[name] = (stamp, listing)
        return listing

    def peek(self, name: str, stamp: str) -> Listing | None:
        """Give such a table only if it is there."""
        found = self._made.get(name)
        return found[1] if found is not None and found[0] == stamp else None

    def _keep(self, snapshot: Snapshot) -> None:
        with self._lock:
            self._kept[snapshot.run_id] = snapshot
            self._kept.move_to_end(snapshot.run_id)
            while len(self._kept) > KEPT_RUNS:
                self._kept.popitem(last=False)


class Watcher(threading.Thread):
    """Looks at the database twice a second until it is stopped; `after_switch` prepares what is large."""

    def __init__(self, live: Live, after_switch: Callable[[], None], each_look: Callable[[], None]) -> None:
        super().__init__(name="oresight-watcher", daemon=True)
        self.live, self.after_switch, self.each_look = live, after_switch, each_look
        self.stopped = threading.Event()

    def run(self) -> None:
        """Look, prepare, wait."""
        self._prepare_large()
        while not self.stopped.wait(self._pause()):
            try:
                if self.live.look():
                    self._prepare_large()
                self.each_look()
            except Exception:
                # A watcher that ends would leave an old run looking current for ever.
                log.exception("looking at the database failed")

    def _pause(self) -> float:
        moment = self.live.switches_at
        if moment is None:
            return POLL_SECONDS
        return min(POLL_SECONDS, max((moment - self.live.clock()).total_seconds(), 0.0))

    def _prepare_large(self) -> None:
        try:
            self.after_switch()
        except Exception:
            log.exception("preparing tables failed; they are read from the database instead")
