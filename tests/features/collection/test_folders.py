"""Which file of a folder belongs to whom, and what its path says about its release."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from features.collection.folders import plan_folder
from features.collection.payloads import Release
from features.errors import ConfigError
from tests.tea import moment


def module(**names: object) -> ModuleType:
    made = ModuleType("source")
    for name, value in names.items():
        setattr(made, name, value)
    return made


def lay(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x")
    return folder


def told(folder: Path, **sources: ModuleType) -> tuple[dict[str, list[str]], list[str]]:
    plan = plan_folder(folder, sources)
    files = {name: [str(file.path.relative_to(folder)) for file in files] for name, files in plan.files.items()}
    return files, [str(path.relative_to(folder)) for path in plan.unknown]


def test_each_source_takes_its_folder_and_the_rest_is_listed(tmp_path: Path):
    lay(tmp_path, "tea/a.csv", "tea/deep/b.csv", "coffee/c.csv", "loose.csv")
    assert told(tmp_path, tea=module()) == ({"tea": ["tea/a.csv", "tea/deep/b.csv"]}, ["coffee/c.csv", "loose.csv"])


def test_notes_and_hidden_files_are_nobodys(tmp_path: Path):
    lay(tmp_path, "tea/README.md", "tea/.a.csv", "PROVENANCE.md", "tea/.b.csv.part", "tea/LICENSE")
    assert told(tmp_path, tea=module()) == ({}, [])


def test_patterns_choose_files_by_name_or_by_path_without_the_date(tmp_path: Path):
    lay(tmp_path, "tea/2020-01-02/a.csv", "tea/2020-01-02/a.txt", "tea/2020-01-02/x/b.txt")
    found = told(tmp_path, tea=module(FILES=("*.csv", "x/*")))
    assert found == ({"tea": ["tea/2020-01-02/a.csv", "tea/2020-01-02/x/b.txt"]}, ["tea/2020-01-02/a.txt"])


def test_a_folder_may_serve_several_sources_and_a_source_several_folders(tmp_path: Path):
    lay(tmp_path, "drinks/t.csv", "drinks/c.csv", "more/sub/t.csv", "more/t.csv")
    tea = module(FOLDERS=("drinks", "more/sub"), FILES=("t.csv",))
    coffee = module(FOLDERS=("drinks",), FILES=("c.csv",))
    files, unknown = told(tmp_path, tea=tea, coffee=coffee)
    assert files == {"tea": ["drinks/t.csv", "more/sub/t.csv"], "coffee": ["drinks/c.csv"]}
    assert unknown == ["more/t.csv"]


@pytest.mark.parametrize(
    ("path", "release"),
    [
        ("tea/2020-01-02/a.csv", Release(moment("2020-01-02"), "folder")),
        ("tea/x/2020-01-02/y/a.csv", Release(moment("2020-01-02"), "folder")),
        ("tea/a.csv", None),
        ("tea/2020/a.csv", None),
        ("tea/2020-13-02/a.csv", None),
        ("tea/2020-01-02.csv", None),
    ],
)
def test_a_folder_named_by_a_date_is_the_release(tmp_path: Path, path: str, release: Release | None):
    lay(tmp_path, path)
    (file,) = plan_folder(tmp_path, {"tea": module()}).files["tea"]
    assert file.guessed == release


def test_the_folder_of_one_source_can_be_given_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lay(tmp_path / "tea", "2020-01-02/a.csv", "b.csv")
    plan = plan_folder(tmp_path / "tea", {"tea": module(), "coffee": module()})
    assert [file.path.name for file in plan.files["tea"]] == ["a.csv", "b.csv"]
    assert plan.unknown == []
    monkeypatch.chdir(tmp_path / "tea")
    assert len(plan_folder(Path(), {"tea": module()}).files["tea"]) == 2


def test_a_folder_that_is_not_there_is_wrong_use(tmp_path: Path):
    with pytest.raises(ConfigError, match="no folder"):
        plan_folder(tmp_path / "nowhere", {})
