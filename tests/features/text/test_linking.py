"""Linking as a whole: a floor under its quality, hard negatives, hostile text, streams, weights that can be remade."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from features.errors import BadInput
from features.text import linking, training
from features.text.classifier import MODEL_FILE, Classifier, read_classifier
from features.text.evaluation import Scores, scores
from features.text.items import DIRECTIONS, EVENT_TYPES, TENSES, Item, Link
from features.text.labelled import Labelled, packaged_items
from features.text.linking import LINKER, link, link_many


@pytest.fixture(scope="module")
def labelled() -> list[Labelled]:
    return [each for rows in packaged_items().values() for each in rows]


@pytest.fixture(scope="module")
def found(labelled: list[Labelled]) -> Scores:
    return scores(labelled, list(link_many(each.item for each in labelled)))


def test_the_linker_has_not_got_worse(found: Scores) -> None:
    # Well below what it reaches on these items, far above what a broken part leaves.
    assert found.macro_f1 > 0.87
    assert found.minerals.precision is not None
    assert found.minerals.precision > 0.95
    assert found.minerals.recall is not None
    assert found.minerals.recall > 0.90
    assert found.suppliers.precision is not None
    assert found.suppliers.precision > 0.94
    assert found.suppliers.recall is not None
    assert found.suppliers.recall > 0.85
    assert found.direction_accuracy > 0.88
    assert found.tense_accuracy is not None
    assert found.tense_accuracy > 0.75
    weak = [name for name, measure in found.by_type.items() if (measure.f1 or 0) < 0.65]
    assert weak == []


@pytest.mark.parametrize(
    ("title", "language", "event_type"),
    [
        ("Philippines weighs ban on nickel ore exports", "en", "export_ban"),
        ("US to bar Xinjiang aluminium under forced labour law", "en", "sanctions"),
        ("Contract talks collapse at Vale's Voisey's Bay nickel mine, workers walk out", "en", "strike"),
        ("Canadian rail workers' strike strands potash shipments", "en", "logistics"),
        ("Escondida strike called off after union signs wage deal", "en", "easing"),
        ("Philippines lifts ban on open-pit mining", "en", "easing"),
        ("刚果（金）延长钴出口禁令三个月", "zh", "export_ban"),
        ("云南锡矿发生透水事故 3人失联", "zh", "accident"),
        ("メキシコ、リチウム国有化法が成立", "ja", "nationalisation"),
        ("칠레 에스콘디다 구리광산 노조 파업 돌입", "ko", "strike"),
        ("La Guinée retire des dizaines de permis miniers", "fr", "permit"),
        ("Codelco inaugura Chuquicamata subterránea", "es", "expansion"),
        ("Rompimento de barragem em Brumadinho deixa mortos", "pt", "accident"),
        ("Perusahaan tambang wajib bangun smelter", "id", "processing_requirement"),
        ("China führt Exportkontrollen für Graphit ein", "de", "licensing"),
        ("Россия вводит экспортные пошлины на никель и медь", "ru", "export_tax"),
        ("Russian missile strikes kill 12 in Kharkiv", "en", "none"),
        ("Greece to strike a deal with lenders, gold slips", "en", "none"),
        ("Trump threatens 50% tariff on copper imports", "en", "none"),
        ("India extends anti-dumping duty on aluminium foil", "en", "none"),
        ("Nurses walk out over pay in Leeds", "en", "none"),
        ("Chile's copper exports fall 5% in March", "en", "none"),
        ("Le cours du cuivre bondit à Londres", "fr", "none"),
        ("沪铜主力合约收涨1.2%", "zh", "none"),
    ],
)
def test_plain_headlines(title: str, language: str, event_type: str) -> None:
    assert link(Item("x", title, "", language)).event_type == event_type


def test_a_denial_is_neutral() -> None:
    told = link(Item("x", "Chile denies any plan to nationalise lithium", "", "en"))
    assert (told.event_type, told.tense, told.direction) == ("nationalisation", "denied", "neutral")


HOSTILE = [
    "",
    " ",
    "\x00\x01\x02",
    "\ud800 lone surrogate \udfff copper strike",
    "\u202egnitsixe ton\u202c copper mine strike in Chile",
    "<script>alert('cobalt export ban in Congo')</script>",
    "[bold red]lithium[/] {{7*7}} %s %n ${x} '; DROP TABLE news; --",
    "ﷺ" * 3000,
    "a\u0301" * 5000,
    "💥" * 4000,
    "(" * 5000 + "a*" * 5000,
]


@pytest.mark.parametrize("title", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_has_a_link(title: str) -> None:
    told = link(Item("x", title, title, "zz-not-a-language"))
    assert told.event_type in EVENT_TYPES
    assert told.direction in DIRECTIONS
    assert told.tense in TENSES
    assert 0 < told.confidence <= 1


def test_a_title_of_ten_megabytes_costs_no_more_than_its_beginning() -> None:
    huge = Item("x", "Export ban on cobalt in Congo. " * 330_000, "rebels strike " * 700_000, "en")
    link(Item("warm", "copper"))
    start = time.process_time()
    (told,) = link_many([huge])
    assert time.process_time() - start < 0.5
    assert told.minerals == ("cobalt",)


def test_a_stream_is_read_only_as_far_as_needed() -> None:
    read = []

    def items() -> Iterator[Item]:
        for number in itertools.count():
            read.append(number)
            yield Item(str(number), "Chile copper strike")

    assert len(list(itertools.islice(link_many(items()), 5))) == 5
    assert len(read) <= 6


def test_several_processes_give_the_same_in_the_same_order(
    labelled: list[Labelled], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "_ALONE", 50)
    monkeypatch.setattr(linking, "_CHUNK", 20)
    items = [each.item for each in labelled[:110]]
    assert list(link_many(items, workers=2)) == [link(item) for item in items]


def test_a_short_stream_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linking, "ProcessPoolExecutor", None)
    assert len(list(link_many([Item("x", "copper")] * 3, workers=2))) == 3


def test_the_version_follows_from_the_data_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "weights.json"
    other.write_text("{}")
    monkeypatch.setattr(linking, "MODEL_FILE", other)
    assert linking._linker() != LINKER
    assert LINKER.startswith("text-")


def test_the_weights_belong_to_the_committed_files() -> None:
    stored = json.loads(MODEL_FILE.read_text())["made_from"]
    here = training.made_from()
    assert {name: stored.get(name) for name in here} == here, "run python -m features.text.training"
    assert MODEL_FILE.stat().st_size < 2_000_000


@pytest.mark.shared
def test_the_weights_can_be_made_again(labelled: list[Labelled], shared: Path) -> None:
    headlines = shared / "payloads" / "news" / "headlines"
    examples = training.examples_of(labelled)
    again = training.fit_events([*examples, *training.weak_examples(headlines)])
    stored = read_classifier(MODEL_FILE, "events")
    same = [training.likeliest(again, each) == training.likeliest(stored, each) for each in examples]
    assert sum(same) >= len(same) - 2


def test_learning_twice_gives_the_same(labelled: list[Labelled]) -> None:
    few = training.examples_of(labelled[::6])
    assert training.fit_events(few).as_json() == training.fit_events(few).as_json()


def test_weights_survive_json(tmp_path: Path) -> None:
    one = Classifier(["a", "b"], ["x", "y"], [[1.5, -1.5], [0.25, 0.0]], [0.1, -0.1])
    file = tmp_path / "weights.json"
    file.write_text(json.dumps({"events": one.as_json()}))
    two = read_classifier(file, "events")
    assert two.probabilities({"x": 1.0, "unknown": 9.0}) == one.probabilities({"x": 1.0})
    assert one.probabilities({"x": 1.0})["a"] > 0.9


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"events": {"classes": ["a"], "weights": {"x": [1, 2]}, "bias": [0]}}']
)
def test_weights_that_are_none_are_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "weights.json"
    file.write_text(text)
    with pytest.raises(BadInput, match="weights of events"):
        read_classifier(file, "events")


def test_scores_of_a_known_case() -> None:
    def row(event_type: str, minerals: tuple[str, ...]) -> Labelled:
        return Labelled(Item("x", "t"), Link(minerals, (), event_type, "neutral", "happened", 1.0), "", "x")

    truth = [row("strike", ("copper",)), row("strike", ("copper", "gold")), row("none", ())]
    told = [truth[0].link, replace(truth[1].link, event_type="none", minerals=("tin",)), truth[2].link]
    found = scores(truth, told)
    assert (found.minerals.precision, found.minerals.recall) == (1 / 2, 1 / 3)
    assert found.by_type["strike"].f1 == pytest.approx(2 / 3)
    assert found.macro_f1 == pytest.approx(2 / 3)
    assert found.suppliers.f1 is None
    assert found.tense_accuracy == 1.0
