"""Scripts say nothing of their own: what they show comes from the page, in the page's language.

The walk through all pages (``test_words``) reads what the server wrote. What a script puts there
later it takes from the page (``data-say-when``, ``data-too-heavy``, a fragment from the server), so
that one catalogue holds all words. Here every string in a script is looked at; what scripts do with
the words of a page is walked in ``tests/browser/test_words_that_move.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CJK = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
WORD = r"[A-Za-z][a-z’']+"
SENTENCE = re.compile(rf"(?:^|[^\w.#\-]){WORD}[,.!?:;…]? +{WORD}(?:$|[^\w\-(\[=])")
# Two words, and yet nobody reads them.
SILENT = {
    "use strict": "a directive of the language",
    "input, textarea": "kinds of elements",
    "(max-width: 520px) and (pointer: coarse)": "a question about the screen",
}
# What a person sees or hears when a script writes it there.
SHOWN = re.compile(
    r"""(?:\.(?:textContent|innerText|innerHTML|outerHTML|title|placeholder|alt|ariaLabel)\s*\+?=
        |\b(?:alert|confirm|prompt|setCustomValidity|SpeechSynthesisUtterance|createTextNode|append
            |prepend|replaceChildren|insertAdjacentHTML|insertAdjacentText|Notification)\(
        |setAttribute\(\s*["'](?:title|placeholder|alt|aria-\w*(?:label|text))["'],)\s*$""",
    re.VERBOSE,
)
TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<regex>(?<=[(,=:\[!&|?{};\n])\s*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/[a-z]*)
    |(?P<quoted>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |(?P<template>`(?:\\.|[^`\\])*`)""",
    re.VERBOSE | re.DOTALL,
)
CODE = re.compile(
    r"^(?:on[a-z]+|x-(?!ref$|transition|cloak)[\w:.\-]+|@[\w:.\-]+|:[\w\-]+|hx-on.*|hx-vals|hx-confirm|hx-prompt)$"
)


def literals(script: str) -> Iterator[tuple[str, str]]:
    """Every string of a script, and what stands before it. No comments, no patterns."""
    before = 0
    code = ""
    for found in TOKEN.finditer(script):
        code += script[before : found.start()]
        before = found.end()
        text = found.group()
        if found["quoted"]:
            yield text[1:-1], code[-80:]
        elif found["template"]:
            # What is put in is code; the rest is words.
            yield re.sub(r"\$\{[^}]*\}", "\x00", text[1:-1]), code[-80:]
        code += "" if found["comment"] else text


def faults(script: str) -> list[str]:
    """The strings of a script that a person could read."""
    found = []
    for text, before in literals(script):
        is_shown = SHOWN.search(before) is not None and re.search("[A-Za-z]", text) is not None
        is_sentence = SENTENCE.search(text) is not None and not re.search(r"[{}<>\[\]=]", text)
        if CJK.search(text) or ((is_shown or is_sentence) and text not in SILENT):
            found.append(text)
    return found


class Code(HTMLParser):
    """The scripts in a template: its script elements and the attributes that are code."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        self.pieces += [value for name, value in attrs if value and CODE.match(name)]

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.pieces.append(data)


def named(folder: str, ending: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob(f"*.{ending}"))


SCRIPTS = [name for name in named("static", "js") if not name.startswith("static/vendor/")]


def test_the_scan_finds_the_scripts() -> None:
    assert {"static/js/counter.js", "static/js/member.js", "static/js/admin.js"} <= set(SCRIPTS)
    assert sum(len(list(literals((ROOT / name).read_text()))) for name in SCRIPTS) > 200


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_holds_no_words(name: str) -> None:
    assert faults((ROOT / name).read_text()) == []


def test_templates_hold_no_words_in_their_code() -> None:
    found = {}
    for name in named("templates", "html"):
        parser = Code()
        # A word of the template's own language is none of the script's.
        parser.feed(re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "\x00", (ROOT / name).read_text()))
        wrong = [text for piece in parser.pieces for text in faults(piece)]
        if wrong:
            found[name] = wrong
    assert found == {}


@pytest.mark.parametrize("name", named("static/css", "css"))
def test_a_stylesheet_holds_no_words(name: str) -> None:
    css = re.sub(r"/\*.*?\*/", "", (ROOT / name).read_text(), flags=re.DOTALL)
    written = re.findall(r"content:\s*[\"']([^\"']*)[\"']", css)
    assert [text for text in written if re.search(r"[A-Za-z]{2}", text) or CJK.search(text)] == []


def test_what_is_allowed_is_there() -> None:
    """An exception that nothing needs any more is taken out."""
    used = {text for name in SCRIPTS for text, _ in literals((ROOT / name).read_text())}
    assert set(SILENT) <= used


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ('const a = "Nothing was found";', ["Nothing was found"]),
        ("const a = '没有找到';", ["没有找到"]),
        ("said.textContent = `${count} left`;", ["\x00 left"]),
        ('button.textContent = "Save";', ["Save"]),
        ('field.setCustomValidity("heavy");', ["heavy"]),
        ('node.setAttribute("aria-label", "Close");', ["Close"]),
        ('alert("Stop!")', ["Stop!"]),
        ("// It is 'not there' 无\n/* \"Not there either\" */", []),
        ("const digits = /[¥０-９ “a b”]/;", []),
        ('"use strict"; one("button, a, label"); fetch("same-origin");', []),
        ('one(`main [data-hotkey="${key}"]`); field.textContent = "";', []),
        ("words.replace(/\"not a word\"/, 'x')", []),
    ],
)
def test_the_scan_itself(script: str, found: list[str]) -> None:
    assert faults(script) == found
