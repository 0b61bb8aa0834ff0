"""feedparser's process: one for many feeds, stopped when it takes too long, and started anew."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.errors import BadInput
from features.sources.feeds.parser_process import FeedParser
from tests.news_feeds import rss


@pytest.fixture
def parser() -> Iterator[FeedParser]:
    parser = FeedParser()
    yield parser
    parser.close()


def titles(parser: FeedParser, text: str, seconds: float = 20) -> list[str]:
    return [entry["title"] for entry in parser.parse(text, where="a feed", seconds=seconds)["entries"]]


def test_one_process_reads_many_feeds(parser: FeedParser):
    for number in range(3):
        assert titles(parser, rss(f"Cobalt {number}").decode()) == [f"Cobalt {number}"]
    assert parser.starts == 1


def test_a_feed_that_takes_too_long_is_refused_and_the_next_one_read(parser: FeedParser):
    # Nothing but opening brackets: the lenient parser looks at all of them for each of them.
    with pytest.raises(BadInput, match=r"more than 0\.4 s"):
        titles(parser, f"<rss><channel><item><title>{'<' * 2_000_000}</title>", seconds=0.4)
    assert titles(parser, rss("Cobalt").decode()) == ["Cobalt"]
    assert parser.starts == 2


def test_a_process_that_dies_is_replaced(parser: FeedParser):
    titles(parser, rss("Cobalt").decode())
    parser._process.kill()
    parser._process.wait()
    assert titles(parser, rss("Copper").decode()) == ["Copper"]


def test_a_title_of_ten_megabytes_comes_back_cut(parser: FeedParser):
    (title,) = titles(parser, rss("<title>" + "x" * 10_000_000 + "</title>").decode())
    assert len(title) == 4000


def test_text_that_looks_like_a_file_is_not_opened(parser: FeedParser, tmp_path: Path):
    path = tmp_path / "secret.xml"
    path.write_bytes(rss("A secret"))
    for text in (str(path), path.as_uri()):
        assert parser.parse(text, where="", seconds=20)["entries"] == []


def test_it_runs_from_any_folder(tmp_path: Path, repo_root: Path):
    code = (
        "from features.sources.feeds.parser_process import parse_apart as p; print(p('<rss/>', where='', seconds=20))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(repo_root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "'version': 'rss'" in done.stdout, done.stderr
