"""What the README and the guides name exists: commands, settings, links, first steps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from config import catalogues

BASE = Path(__file__).resolve().parents[1]
READMES = (BASE / "README.md", BASE / "README.zh-CN.md")
OPERATIONS = (BASE / "docs" / "operations.md", BASE / "docs" / "operations.zh-CN.md")
PAGES = (*READMES, BASE / "CHANGELOG.md", *sorted((BASE / "docs").rglob("*.md")))
# Read by the Makefile and by the programs that it starts, not by the settings.
MAKE_CHOICES = {"PORT", "HOST", "HTTPS", "HUITOU_DATA", "PYTHON", "ARGS"}
OTHERS_SETTINGS = {"PIP_INDEX_URL"}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(BASE)))


def code(page: Path) -> Iterator[str]:
    """Every piece of code on the page: blocks and words between backticks."""
    text = page.read_text("utf-8")
    yield from re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))


@cache
def make_targets() -> set[str]:
    makefile = (BASE / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


@cache
def settings_read(folder: str = "config") -> set[str]:
    """Names that the code of a folder reads from the environment."""
    found: set[str] = set()
    for file in (BASE / folder).rglob("*.py"):
        text = file.read_text("utf-8")
        found |= set(re.findall(r'\benv\.(?:str|bool|int|list)\(\s*"([A-Z_]+)"', text))
        found |= set(re.findall(r'os\.environ(?:\.get\(|\[)\s*"([A-Z_]+)"', text))
    return found


@each_page
def test_every_make_command_exists(page: Path) -> None:
    for piece in code(page):
        for target, choices in re.findall(r"\bmake ([a-z][a-z-]*)((?: [A-Z]+=\S+)*)", piece):
            assert target in make_targets(), f"make {target}"
            assert {c.partition("=")[0] for c in choices.split()} <= MAKE_CHOICES, choices


@each_page
def test_every_management_command_and_option_exists(page: Path) -> None:
    for piece in code(page):
        for name, rest in re.findall(r"manage\.py ([a-z_]+)([^\n]*)", piece):
            assert name in get_commands(), name
            command = load_command_class(get_commands()[name], name)
            parser = command.create_parser("manage.py", name)
            known = {option for action in parser._actions for option in action.option_strings}
            assert set(re.findall(r"(?<!\S)\[?(--[a-z-]+)", rest)) <= known, rest


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'<img src="([^"]+)"', text)
    for target in targets:
        path, _hash, anchor = target.partition("#")
        if "://" in path:
            continue
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"\s+", "-", heading.lower()) for heading in headings}, target


@each_page
def test_every_path_of_the_repository_exists(page: Path) -> None:
    for piece in code(page):
        for path in re.findall(r"(?<![\w./-])((?:config|tests|loyalty|docs)/[\w./-]*\w)", piece):
            assert (BASE / path).exists(), path


def settings_table(page: Path) -> dict[str, str]:
    """Name and default of each row of the settings table."""
    text = page.read_text("utf-8")
    start = re.search(r"^\| (?:name \| default|名称 \| 默认)", text, re.MULTILINE)
    assert start
    table = text[start.start() :].split("\n\n", 1)[0]
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", table, re.MULTILINE)
    return {name: " ".join(re.findall(r"`([^`]+)`", default)) for name, default in rows}


@pytest.mark.parametrize("page", OPERATIONS, ids=lambda page: page.name)
def test_the_settings_table_names_all_settings_and_no_others(page: Path) -> None:
    internal = {
        "CELERY_TASK_ALWAYS_EAGER",  # tests
        "DATABASE_POOL",  # the web process sets it for itself
        "DJANGO_SETTINGS_MODULE",
        "HUITOU_VENV",
        "PATH",
        "PIP_INDEX_URL",
        "PROMETHEUS_MULTIPROC_DIR",
    }
    assert set(settings_table(page)) == settings_read() - internal


def test_both_languages_tell_the_same_defaults() -> None:
    english, chinese = map(settings_table, OPERATIONS)
    assert list(english) == list(chinese)
    for name, default in english.items():
        assert set(default.split()) == set(chinese[name].split()), name


@each_page
def test_every_setting_named_is_read(page: Path) -> None:
    for piece in code(page):
        for name in re.findall(r"(?:^|\s)([A-Z][A-Z_]{3,})(?==)", piece):
            known = settings_read() | settings_read("tests/bench") | MAKE_CHOICES
            known |= OTHERS_SETTINGS | {"PGBIN"}
            assert name.removesuffix("_FILE") in known, name


def test_the_staffs_guide_quotes_what_the_counter_says() -> None:
    page = (BASE / "docs" / "guide" / "counter.md").read_text("utf-8")
    table = page.split("| 提示 | 怎么办 |", 1)[1].split("\n\n", 1)[0]
    quoted = re.findall(r"^\| ([^|-][^|]*) \|", table, re.MULTILINE)
    with catalogues.files(BASE).mo.open("rb") as file:
        known = set(GNUTranslations(file)._catalog.values())  # type: ignore[attr-defined]
    assert quoted
    assert [sentence for sentence in quoted if sentence not in known] == []


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.name)
def test_the_first_member_to_try_is_the_one_that_the_shop_prints(page: Path) -> None:
    printed = (BASE / "loyalty" / "demo" / "shop.py").read_text("utf-8")
    phone = re.search(r"Type (\d{11})", printed)
    assert phone
    assert f"`{phone[1]}`" in page.read_text("utf-8")
