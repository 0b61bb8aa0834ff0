"""Archives and rounds of polls -> items: when they are known, what they are called by, and real files of every kind."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection.folders import plan_folder
from features.errors import BadInput
from features.sources import news
from features.sources.polls import Poll, write_polls
from features.sources.spec import Harvest
from tests.news_feeds import archive, dated, list_of_feeds, rss

NOW = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)


def harvest(path: Path) -> Harvest:
    found = news.harmonise(news.parse(path), load_catalog(), file=path.name, lag=None, now=NOW)
    datasets.check("news", found.tables["news"], where=path.name)
    return found


def items(path: Path) -> pd.DataFrame:
    return harvest(path).tables["news"]


def polled(path: Path, body: bytes, *, part: str = "desk", at: dt.datetime = NOW, **headers: str) -> Path:
    headers = {name.replace("_", "-"): text for name, text in headers.items()}
    write_polls([Poll(part, f"https://{part}.example.org/feed/all.xml", at, True, "", headers, body)], path)
    return path


# --- when an item is known ------------------------------------------------------------------------


def test_a_live_item_is_known_when_it_was_fetched_whatever_it_says(tmp_path: Path):
    old = dated("Cobalt", "Tue, 14 Jul 2020 03:33:16 GMT")
    rows = items(polled(tmp_path / "polls.zip", rss(old, "Copper", dated("Gold", "Sat, 28 Nov 2026 03:00:00 GMT"))))
    assert rows["available_at"].eq(pd.Timestamp(NOW)).all()
    assert rows["collected_at"].eq(pd.Timestamp(NOW)).all()
    assert not rows["is_archived"].any()
    assert rows["published_at"].isna().tolist() == [False, True, False]


def test_an_archived_item_is_known_when_its_day_is_over_an_undated_one_when_it_came_and_a_misdated_one_never(
    tmp_path: Path,
):
    told = [dated("Cobalt", "Tue, 14 Jul 2020 03:33:16 GMT"), "Copper", dated("Gold", "Fri, 27 Nov 2026 03:00:00 GMT")]
    found = harvest(archive(tmp_path / "old.xml", rss(*told, dated("Tin", "Wed, 1 Jan 1513 00:00:00 GMT"))))
    rows = found.tables["news"]
    assert [f"{at:%Y-%m-%d %H}" for at in rows["available_at"]] == ["2020-07-15 00", *["2026-11-27 12"] * 2]
    assert rows["is_archived"].all()
    assert rows["published_at"].isna().tolist() == [False, True, False]
    assert found.counts["items without a date"] == 1
    assert found.counts["items whose date cannot be right, left out"] == 1


# --- what an item is called by --------------------------------------------------------------------


def test_an_item_is_called_by_its_guid_else_its_link_else_title_and_date(tmp_path: Path):
    guid = [dated("One", "", guid="a", link="https://x.org/1"), dated("Other", "", guid="a", link="https://x.org/2")]
    more = dated("More", "", guid="b", link="https://x.org/3")
    first, second = (items(archive(tmp_path / n / "f.xml", rss(each))) for n, each in zip("ab", guid, strict=True))
    assert first["item_id"].tolist() == second["item_id"].tolist()
    assert first["content_hash"].tolist() != second["content_hash"].tolist()
    told = harvest(archive(tmp_path / "f.xml", rss(*guid, guid[0], more)))
    assert told.tables["news"]["title"].tolist() == ["One", "More"]
    assert told.counts["items with the id of another, other title"] == 1
    assert told.counts["items told twice"] == 1
    other_feed = items(archive(tmp_path / "g.xml", rss(guid[0])))
    assert other_feed["item_id"].tolist() != first["item_id"].tolist()
    link = [dated("One", "", link="https://x.org/1"), dated("Other", "", link="https://x.org/1")]
    assert len(items(archive(tmp_path / "h.xml", rss(*link, more)))) == 2
    bare = [dated("One", f"Tue, {day} Jul 2020 03:33:16 GMT") for day in (14, 15, 15)]
    found = harvest(archive(tmp_path / "i.xml", rss(*bare)))
    assert len(found.tables["news"]) == 2
    assert found.counts["items told twice"] == 1


@pytest.mark.parametrize("links", [("https://x.org/1", "https://x.org/2", ""), ("https://x.org/",) * 3, ("", "", "")])
def test_an_id_that_a_whole_feed_shares_names_none_of_its_items(tmp_path: Path, links: tuple[str, ...]):
    told = [dated(title, "", guid="feed", link=link) for title, link in zip(("A", "B", "C"), links, strict=True)]
    found = harvest(polled(tmp_path / "polls.zip", rss(*told)))
    assert found.tables["news"]["title"].tolist() == ["A", "B", "C"]
    again = items(polled(tmp_path / "again.zip", rss(*told[1:])))
    assert set(again["item_id"]) < set(found.tables["news"]["item_id"])
    assert len(items(polled(tmp_path / "same.zip", rss(told[0], told[0])))) == 1


def test_halves_of_characters_are_replaced_and_refuse_nothing(tmp_path: Path):
    half = "a\ud83d"
    record = dict.fromkeys(("title", "summary", "id", "publisher", "language", "feed"), half)
    feed = {"version": "https://jsonfeed.org/version/1", "items": [{"id": half, "title": half}, 5]}
    xml = b"<rss version='2.0'><channel><item><title>a &#xD83D;</title><guid>&#55357;</guid></item></channel></rss>"
    files = {
        "a.jsonl": json.dumps(record).encode(),
        "b.json": json.dumps(feed).encode(),
        "c.xml": xml,
        "d.jsonl": '{"title": "鈷a\ud83d"}'.encode("utf-8", "surrogatepass"),
    }
    titles = [items(archive(tmp_path / name, body))["title"].tolist() for name, body in files.items()]
    assert titles == [["a"], ["a"], ["a \ufffd"], ["鈷a\ufffd"]]


def test_what_a_list_holds_beside_items_is_counted(tmp_path: Path):
    told = [{"title": "One"}, 5, None, {"title": {"deep": 1}}, {"title": "Two", "date": " "}]
    found = harvest(archive(tmp_path / "a.json", json.dumps(told).encode()))
    assert found.tables["news"]["title"].tolist() == ["One", "Two"]
    assert found.counts["items that are no JSON object"] == 2
    assert found.counts["items without a title"] == 1
    assert found.counts["items without a date"] == 2


def test_the_list_names_language_and_publisher_of_a_feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    list_of_feeds(monkeypatch, "desk", language="es")
    body = rss("Paro en la mina", channel="<language>en-us</language>")
    (row,) = items(polled(tmp_path / "polls.zip", body)).itertuples()
    assert (row.feed, row.language, row.publisher) == ("desk", "es", "Somebody")
    (old,) = items(archive(tmp_path / "unlisted-1.xml", body)).itertuples()
    assert (old.feed, old.language, old.publisher) == ("unlisted_1", "en", "Feed")
    # A file of the same feed, told by its own address.
    own = '<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="self" href="https://desk.example.org/feed"/>'
    assert items(archive(tmp_path / "saved.xml", rss("Paro", channel=own)))["feed"].tolist() == ["desk"]


# --- hostile and broken feeds ---------------------------------------------------------------------


def test_relative_links_count_from_the_feed_and_scripts_go(tmp_path: Path):
    told = [dated("One", "", link="/news/1"), dated("Two", "", guid="b", link="javascript:alert(1)")]
    found = harvest(polled(tmp_path / "polls.zip", rss(*told)))
    assert found.tables["news"]["link"].tolist() == ["https://desk.example.org/news/1", ""]
    assert found.counts["links that lead nowhere"] == 1


def test_broken_xml_is_read_as_far_as_it_goes_and_told(tmp_path: Path):
    found = harvest(polled(tmp_path / "polls.zip", rss("One & only", "Two")[:-30] + b"<item><title>Thr"))
    assert found.tables["news"]["title"].tolist()[:2] == ["One & only", "Two"]
    assert found.counts["feeds of broken XML, read as far as they go"] == 1


def test_the_header_of_an_answer_tells_its_encoding(tmp_path: Path):
    body = '<rss version="2.0"><channel><item><title>Стачка</title></item></channel></rss>'.encode("koi8-r")
    path = polled(tmp_path / "polls.zip", body, content_type="text/xml; charset=koi8-r")
    assert items(path)["title"].tolist() == ["Стачка"]


def test_items_beyond_the_limit_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(news, "LIVE", news.Limits(2, 20))
    found = harvest(polled(tmp_path / "polls.zip", rss("One", "Two", "Three", "Four")))
    assert found.tables["news"]["title"].tolist() == ["One", "Two"]
    assert found.counts["items beyond the limit"] == 2


def test_what_one_feed_is_guilty_of_is_told_and_the_others_are_read(tmp_path: Path):
    bad = {
        "bomb": b'<!DOCTYPE rss [<!ENTITY a "x">]><rss>&a;</rss>',
        "page": b"<!doctype html><html><body>Down</body></html>",
        "text": b"service unavailable",
        "blank": b" \n",
        "json": b'{"news": []}',
        "deep": b"[" * 200_000,
    }
    polls = [Poll(name, f"https://{name}.example.org/", NOW, True, body=body) for name, body in bad.items()]
    polls += [
        Poll("down", "https://down.example.org/", NOW, False, "status 500"),
        Poll("same", "https://s.org", NOW, True),
    ]
    write_polls([*polls, Poll("good", "https://good.example.org/", NOW, True, body=rss("One"))], tmp_path / "polls.zip")
    found = harvest(tmp_path / "polls.zip")
    assert found.tables["news"]["feed"].tolist() == ["good"]
    assert found.polls is not None
    assert dict(zip(found.polls["feed"], found.polls["is_ok"], strict=True)) == {
        **dict.fromkeys(bad, False), "down": False, "good": True, "same": True,
    }  # fmt: skip
    problems = dict(zip(found.polls["feed"], found.polls["problem"], strict=True))
    assert "declares no entities" in problems["bomb"]
    assert "found \"'service unavailable'\"" in problems["text"] or "service unavailable" in problems["text"]
    assert problems["down"] == "status 500"
    assert found.counts["feeds that failed"] == 7


# --- kinds of files -------------------------------------------------------------------------------


RDF = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel/><item><title>One</title><dc:date>2020-07-14</dc:date></item></rdf:RDF>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><title type="text">One &lt;b&gt;</title><id>a</id>
 <updated>2020-07-14T10:00:00+08:00</updated></entry></feed>"""
OLD = b"""<!DOCTYPE rss PUBLIC "-//N//DTD RSS 0.91//EN" "http://x.org/a.dtd"><rss version="0.91"><channel>
 <item><title>One</title><link>https://x.org/1</link></item></channel></rss>"""
JSON_LINE = b'{"id": "h1", "title": "One", "summary": "", "language": "en", "published_at": "2020-07-14"}\n'
JSON_LIST = b'[{"title": "One", "url": "https://x.org", "date": "2020-07-14"}]'
KINDS = {
    "a.rdf": (RDF, "One", "2020-07-14"),
    "a.atom": (ATOM, "One <b>", "2020-07-14"),
    "a.rss": (OLD, "One", None),
    "a.jsonl": (JSON_LINE, "One", "2020-07-14"),
    "a.json": (JSON_LIST, "One", "2020-07-14"),
    "a.csv": ("\ufeffdate,headline\n2020-07-14,\"One, two\"\n".encode(), "One, two", "2020-07-14"),
    "a.tsv": (b"Dates\tURL\tNews\n14-07-2020\thttps://x.org\tOne\n", "One", "2020-07-14"),
    "a.md": ("# 新闻 (20200714)\n\n## 详细\n\n### One\n\nText.\n".encode(), "One", "2020-07-14"),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_archives_of_many_kinds_are_read(name: str, tmp_path: Path):
    body, title, day = KINDS[name]
    (row,) = items(archive(tmp_path / name, body)).itertuples()
    assert row.title == title
    assert (None if pd.isna(row.published_at) else f"{row.published_at:%Y-%m-%d}") == day


def test_json_lines_may_name_feed_link_and_publisher(tmp_path: Path):
    told = {"id": "h1", "title": "One", "feed": "Some Desk", "link": "https://x.org/1", "publisher": "Reuters"}
    lines = "\n".join([json.dumps(told), "broken {", json.dumps(told | {"id": "h2", "feed": ""})])
    found = harvest(archive(tmp_path / "old.jsonl", lines.encode()))
    assert found.tables["news"]["feed"].tolist() == ["some_desk", "old"]
    assert found.tables["news"]["publisher"].tolist() == ["Reuters", "Reuters"]
    assert found.counts["lines that are no JSON object"] == 1


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("a.csv", b"price,month\n1,2\n", "title, headline, news, found the fields month, price"),
        ("a.csv", b"title\n", "none with a title"),
        ("a.xml", b"<html><body>Down</body></html>", "RSS, Atom or JSON Feed"),
        ("a.xml", b"<rss version='2.0'><channel/></rss>", "none with a title"),
        ("a.json", b'{"a": 1}', "title, headline"),
        ("a.json", b"[1, 2]", "found a list of 2, none of which is a JSON object"),
        ("a.json", b"[]", "found an empty list"),
        ("a.json", b"[" * 100_000, "found JSON that is nested too deep"),
        ("a.json", b'[{"title": ' + b"9" * 5000 + b"}]", "found a number of thousands of digits"),
        ("a.jsonl", b"{\n{\n", "found 2 line.s., none of which is a JSON object"),
        ("a.jsonl", b"", "an empty file"),
        ("a.md", b"# Notes\n\n## One\n", "a first heading that ends with a date"),
        ("a.md", b"# Notes (20200714)\n", "none with a title"),
        ("polls.zip", b"PK\x03\x04broken", "title"),
    ],
)
def test_what_has_no_news_is_refused_with_the_reason(name: str, body: bytes, words: str, tmp_path: Path):
    with pytest.raises(BadInput, match=words):
        harvest(archive(tmp_path / name, body))


# --- the list and the requests --------------------------------------------------------------------


def test_every_active_feed_is_asked_once_at_a_host_of_its_own():
    asked = news.requests(news.SPEC.endpoint, now=NOW, key=None)
    feeds = load_catalog().feeds
    assert [each.name for each in asked] == [f"{name}.feed" for name in feeds.loc[feeds["is_active"], "id"]]
    assert len(asked) >= 60
    for each in asked:
        assert each.address.startswith(f"https://{each.hosts[0]}/")
        assert each.hosts[0] in news.SPEC.hosts
    mirrored = news.requests("http://mirror.example.org/feeds/", now=NOW, key=None)
    assert mirrored[0].address == f"http://mirror.example.org/feeds/{asked[0].name.removesuffix('.feed')}"
    assert mirrored[0].hosts == ()


# --- real files -----------------------------------------------------------------------------------

# Items, and how many of them have a date, as the files' own notes say (PROVENANCE.md).
REAL = {
    "feedjira/AtomWithITunesInCDATA.xml": (1, 1),
    "feedjira/DuplicateContentAtomFeed.xml": (10, 10),
    "feedjira/FeedBurnerXHTML.xml": (10, 10),
    "feedjira/HuffPostCanada.xml": (2, 2),
    "feedjira/InvalidDateFormat.xml": (2, 2),
    "feedjira/RSSWithComments.xml": (30, 30),
    "feedjira/TypePadNews.xml": (10, 10),
    "feedjira/google_alerts_atom.xml": (20, 20),
    "feedjira/json_feed.json": (20, 20),
    "google-news-100items.xml": (92, 92),
    "google-news-brent.xml": (6, 6),
    "wordpress-suwa.xml": (10, 10),
    "headlines/pib-critical-minerals.csv": (45, 45),
    "headlines/reddit-news-minerals.derived.tsv": (149, 149),
    # 13 of 305 are told twice.
    "headlines/rare-earth-google-news-2026.json": (292, 292),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_real_files_give_all_their_items(name: str, shared: Path):
    rows = items(shared / "payloads" / "news" / name)
    assert (len(rows), int(rows["published_at"].notna().sum())) == REAL[name]
    assert not rows["title"].str.contains("[<>]|&[a-z]+;").any() or name.startswith("feedjira/Type")


@pytest.mark.shared
def test_real_headlines_of_google_lose_their_publisher(shared: Path):
    rows = items(shared / "payloads" / "news" / "google-news-100items.xml")
    assert rows["title"].iloc[0] == "Trump again shrinks two national monuments in Utah"
    assert rows["publisher"].iloc[0] == "The Washington Post"
    assert rows["publisher"].ne("").all()
    assert rows["summary"].eq("").all()
    alerts = items(shared / "payloads" / "news" / "feedjira" / "google_alerts_atom.xml")
    assert alerts["title"].iloc[0].startswith("Report offers Prediction of Automotive Slack Market by Top key players")
    assert alerts["link"].iloc[0].startswith("https://www.aglobalmarketresearch.com/")


@pytest.mark.shared
def test_the_dates_of_the_gold_headlines_are_read_day_first(shared: Path):
    raw = news.parse(shared / "payloads" / "news" / "headlines" / "gold-dataset-sinha-khandait.csv")
    rows = news.harmonise(raw, load_catalog(), file="gold.csv", lag=None, now=NOW).tables["news"]
    # Its address says the sixth of September.
    found = rows[rows["link"].str.endswith("dovish-fed-view-stalls-dollar-2017-09-06")]
    assert [f"{at:%Y-%m-%d}" for at in found["published_at"]] == ["2017-09-06"]
    # Some say the year 200.
    assert raw["published"].eq("0200-03-15").any()
    assert rows["published_at"].notna().all()
    assert rows["published_at"].min() > pd.Timestamp("2000-01-01", tz="UTC")
    assert len(rows) == 10_570 - 165


@pytest.mark.shared
def test_a_day_of_chinese_broadcasts_gives_its_headlines(shared: Path):
    rows = items(shared / "payloads" / "news" / "headlines" / "xwlb-raw" / "20241019.md")
    assert "李强签署国务院令 公布《中华人民共和国两用物项出口管制条例》" in rows["title"].tolist()
    assert rows["language"].eq("zh").all()
    assert rows["available_at"].eq(pd.Timestamp("2024-10-20", tz="UTC")).all()


@pytest.mark.shared
def test_every_real_file_is_taken_by_the_source(shared: Path):
    plan = plan_folder(shared / "payloads" / "news", {"news": news})
    assert plan.unknown == []
    assert len(plan.files["news"]) == 21
