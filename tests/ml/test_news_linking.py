"""`oresight news link` and `oresight news evaluate`: nothing good refused, nothing lost, bad lines told."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from features.errors import BadInput
from features.text.labelled import packaged_items
from ml import news_linking, news_measurement, news_report
from ml.cli import app
from ml.news_linking import BadLine, link_file, read_items

ITEM = {
    "id": "1",
    "title": "Walkout at Escondida copper mine in Chile",
    "summary": "",
    "language": "en",
    "published_at": None,
}
ADDED = ["minerals", "suppliers", "event_type", "direction", "tense", "confidence"]


def write(path: Path, *lines: object) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    path.write_bytes("".join(f"{text}\n" for text in texts).encode("utf-8", "surrogatepass"))
    return path


def run(*arguments: object, **more: Any) -> Any:
    return CliRunner().invoke(app, ["news", *map(str, arguments)], **more)


def test_items_keep_their_fields_and_order_and_get_six_more(tmp_path: Path) -> None:
    source = write(
        tmp_path / "in.jsonl", ITEM | {"extra": {"deep": [1, 2.5, None]}}, ITEM | {"id": 7, "title": "銅價上漲"}
    )
    done = run("link", source, "--out", tmp_path / "out.jsonl", "--json")
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [list(row) for row in rows] == [[*ITEM, "extra", *ADDED], [*ITEM, *ADDED]]
    assert rows[0]["extra"] == {"deep": [1, 2.5, None]}
    assert rows[1]["id"] == 7
    assert rows[0]["minerals"] == ["copper"]
    assert rows[0]["suppliers"] == ["CHL"]
    assert rows[0]["event_type"] == "strike"
    assert json.loads(done.stdout)["items"] == 2


BAD = [
    ("{", ""),
    ("[1]", ""),
    ("null", ""),
    ('{"id": "x"}', "title"),
    ('{"title": null}', "title"),
    ('{"title": 5}', "title"),
    ('{"title": "t", "summary": ["s"]}', "summary"),
    ('{"title": "t", "language": 3}', "language"),
    ('{"title": "t", "published_at": 3}', "published_at"),
    ('{"title": "t", "id": {}}', "id"),
    ('{"title": "t", "n": NaN}', ""),
    ('{"title": "t", "n": 1e999}', ""),
    ("[" * 100_000, ""),
    ('{"title": "t", "n": ' + "9" * 5000 + "}", ""),
]


def test_bad_lines_are_told_and_the_good_ones_written(tmp_path: Path) -> None:
    lines = [text for text, _ in BAD]
    source = write(tmp_path / "in.jsonl", ITEM, *lines, "", "  ", ITEM | {"id": "last"})
    done = run("link", source, "--out", tmp_path / "out.jsonl", "--json")
    assert done.exit_code == 3
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["1", "last"]
    told = json.loads(done.stdout)
    assert told["bad_lines"] == len(BAD)
    assert [(each["line"], each["field"]) for each in told["bad"]] == [
        (number, field) for number, (_, field) in enumerate(BAD, start=2)
    ]
    assert "line 5 of in.jsonl, title: expected text, found no such field; correct the line" in done.stderr
    assert "line 2 of in.jsonl: expected a JSON object, found text that is no JSON from character 2 on" in done.stderr
    assert "line 13 of in.jsonl: expected a JSON object, found the number 1e999, which is too large" in done.stderr
    assert "found a number of 5,000 digits; correct the line" in done.stderr
    assert "line 1 column" not in done.stderr
    assert "int_max_str_digits" not in done.stderr
    assert "in.jsonl" not in done.stdout


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_another_encoding_is_told_once_and_nothing_is_written(tmp_path: Path, encoding: str):
    text = f"{json.dumps(ITEM)}\n" * 3
    (tmp_path / "in.jsonl").write_bytes(text.encode(encoding))
    for source, more in ((tmp_path / "in.jsonl", {}), ("-", {"input": text.encode(encoding)})):
        done = run("link", source, "--out", tmp_path / "out.jsonl", **more)
        assert isinstance(done.exception, BadInput)
        assert "Save it as UTF-8" in str(done.exception)
        assert done.exception.exit_code == 3
        assert not (tmp_path / "out.jsonl").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize(("out", "words"), [("no/out.jsonl", "no folder"), (".", "a folder")])
def test_the_place_for_the_result_is_tried_before_anything_is_linked(
    out: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(news_linking, "link_many", lambda *_, **__: pytest.fail("linked"))
    with pytest.raises(BadInput, match=words):
        link_file(write(tmp_path / "in.jsonl", ITEM), tmp_path / out, workers=1, say=lambda line: None)


def test_bytes_that_are_no_utf8_are_told(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(b'\xef\xbb\xbf{"title": "copper"}\n{"title": "caf\xe9"}\n')
    bad: list[BadLine] = []
    with source.open("rb") as stream:
        assert len(list(read_items(stream, bad.append))) == 1
    assert [each.told("a") for each in bad] == ["line 2 of a: expected UTF-8, found the byte 0xe9; correct the line"]


def test_a_line_too_long_is_told_and_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news_linking, "MAX_LINE", 100)
    stream = io.BytesIO(b'{"title": "' + b"x" * 1000 + b'"}\n{"title": "copper"}\n{"title": "' + b"y" * 500)
    bad: list[BadLine] = []
    assert [item.title for _, item in read_items(stream, bad.append)] == ["copper"]
    assert [each.line for each in bad] == [1, 3]


def test_hostile_text_comes_out_as_it_went_in(tmp_path: Path) -> None:
    titles = ["x" * 10_000_000, "\u202ecopper\u0000<b>", "half \ud83d a pair", "[red]tin[/red]"]
    lines = [json.dumps({"title": title}) for title in titles]
    done = run("link", write(tmp_path / "in.jsonl", *lines), "--out", tmp_path / "out.jsonl")
    assert done.exit_code == 0, done.output
    written = (tmp_path / "out.jsonl").read_bytes()
    assert [json.loads(line)["title"] for line in written.decode("utf-8").split("\n")[:-1]] == titles


def test_fields_of_an_earlier_linking_are_replaced(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", {"minerals": ["wrong"], "confidence": 9} | ITEM)
    link_file(source, tmp_path / "out.jsonl", workers=1, say=lambda line: None)
    row = json.loads((tmp_path / "out.jsonl").read_text())
    assert row["minerals"] == ["copper"]
    assert 0 < row["confidence"] <= 1
    assert list(row) == [*ITEM, *ADDED]


def test_standard_input_and_output() -> None:
    done = run("link", "-", "--out", "-", "--json", input=json.dumps(ITEM) + "\n")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["event_type"] == "strike"
    assert json.loads(done.stderr)["items"] == 1


def test_an_interrupted_run_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("before")

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(news_linking, "link_many", fail)
    with pytest.raises(KeyboardInterrupt):
        link_file(write(tmp_path / "in.jsonl", ITEM), out, workers=1, say=lambda line: None)
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_a_file_may_be_linked_in_place(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", ITEM)
    link_file(source, source, workers=1, say=lambda line: None)
    assert json.loads(source.read_text())["event_type"] == "strike"


@pytest.mark.parametrize(
    ("source", "out"), [("missing.jsonl", "out.jsonl"), ("in.jsonl", "no/such/out.jsonl"), (".", "o")]
)
def test_a_file_that_cannot_be_read_or_written_is_named(source: str, out: str, tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", ITEM)
    with pytest.raises(BadInput):
        link_file(tmp_path / source, tmp_path / out, workers=1, say=lambda line: None)


def test_many_bad_lines_are_counted_and_not_all_listed(tmp_path: Path) -> None:
    said: list[str] = []
    source = write(tmp_path / "in.jsonl", *["{"] * 250)
    done = link_file(source, tmp_path / "out.jsonl", workers=1, say=said.append)
    assert (done.bad_lines, len(done.bad), len(said)) == (250, 100, 101)


def test_evaluate_scores_a_file_of_labelled_items(tmp_path: Path) -> None:
    labels = {
        "minerals": ["copper"],
        "suppliers": ["CHL"],
        "event_type": "strike",
        "direction": "tightening",
        "tense": "happened",
    }
    wrong = ITEM | labels | {"id": "2", "minerals": ["tin"], "hard": "a | b"}
    source = write(tmp_path / "in.jsonl", ITEM | labels, wrong)
    done = run("evaluate", source, "--out", tmp_path / "page", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["scores"]["minerals"]["precision"] == 0.5
    assert told["scores"]["macro_f1"] == 1.0
    assert [(row["id"], row["field"]) for row in told["errors"]] == [("2", "minerals")]
    page = (tmp_path / "page" / "news-linking.md").read_text()
    assert "a \\| b" in page
    assert "### Minerals: 1" in page


def test_evaluate_refuses_what_has_no_labels(tmp_path: Path) -> None:
    for text in ("", json.dumps(ITEM) + "\n"):
        (tmp_path / "in.jsonl").write_text(text)
        with pytest.raises(BadInput):
            news_measurement.measure_file(tmp_path / "in.jsonl")
    with pytest.raises(BadInput):
        news_measurement.measure_file(tmp_path / "missing.jsonl")


def test_cross_validation_learns_nothing_from_the_event_that_it_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: rows[:60] for name, rows in packaged_items().items()}
    monkeypatch.setattr(news_measurement, "packaged_items", lambda: few)
    monkeypatch.setattr(news_measurement, "MIXES", {"patterns and rules alone": None, news_measurement.CHOSEN: ()})
    learned: list[set[str]] = []
    fit = news_measurement.training.fit_events

    def spy(examples: list[Any], **more: Any) -> Any:
        learned.append({each.labelled.group for each in examples})
        return fit(examples, **more)

    monkeypatch.setattr(news_measurement.training, "fit_events", spy)
    measured = news_measurement.measure_packaged()
    groups = {each.group for rows in few.values() for each in rows}
    # The first five fits are the five parts: what each leaves out is left out by no other.
    left_out = [groups - part for part in learned[:5]]
    assert set().union(*left_out) == groups
    assert sum(map(len, left_out)) == len(groups)
    assert measured.scores.items == 120
    assert 0.3 < measured.scores.macro_f1 < 1
    text = news_report.render_page(measured, {"command": "c", "linker": "l", "code": "x", "groups": 3})
    assert "| patterns and rules alone | no |" in text
