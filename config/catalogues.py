"""Finds every sentence shown to people, and keeps the Chinese catalogue complete.

Needs no gettext programs: Python files are read as syntax trees, templates through Django's own
templatize, and Babel (for developers only) writes the .po and the .mo.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

APPS = ("config", "members", "loyalty", "campaigns", "analytics")
LOCALE = "zh_Hans"
# The file changes when its sentences do, not with the day.
WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
# Arguments of each function: context, sentence, plural.
SHAPES = {
    "_": (None, 0, None),
    "gettext": (None, 0, None),
    "gettext_lazy": (None, 0, None),
    "gettext_noop": (None, 0, None),
    "ngettext": (None, 0, 1),
    "ngettext_lazy": (None, 0, 1),
    "pgettext": (0, 1, None),
    "pgettext_lazy": (0, 1, None),
    "npgettext": (0, 1, 2),
    "npgettext_lazy": (0, 1, 2),
}
STRING = r"""u?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
TEMPLATE_CALL = re.compile(rf"\b(n?p?gettext|_)\(({STRING}(?:\s*,\s*{STRING})*)", re.DOTALL)


@dataclass
class Found:
    """Sentences by (context, sentence), each with its plural and the files it stands in."""

    plurals: dict[tuple[str | None, str], str | None] = field(default_factory=dict)
    files: dict[tuple[str | None, str], set[str]] = field(default_factory=dict)

    def add(self, name: str, texts: list[str | None], file: str) -> None:
        context_at, sentence_at, plural_at = SHAPES[name]
        if len(texts) <= max(sentence_at, plural_at or 0):
            return
        sentence = texts[sentence_at]
        if not sentence:
            return
        key = (None if context_at is None else texts[context_at], sentence)
        plural = None if plural_at is None else texts[plural_at]
        self.plurals[key] = plural or self.plurals.get(key)
        self.files.setdefault(key, set()).add(file)


def _other_names(tree: ast.Module) -> dict[str, str]:
    """Names under which a file imports the functions: gettext_lazy as lazy."""
    return {
        name.asname: name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if name.asname and name.name in SHAPES
    }


def _python_calls(source: str) -> Iterator[tuple[str, list[str | None]]]:
    tree = ast.parse(source)
    others = _other_names(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", None) or ""
        name = others.get(name, name)
        if name in SHAPES:
            yield (
                name,
                [
                    a.value if isinstance(a, ast.Constant) and isinstance(a.value, str) else None
                    for a in node.args
                ],
            )


def _template_calls(source: str) -> Iterator[tuple[str, list[str | None]]]:
    for name, arguments in TEMPLATE_CALL.findall(templatize(source)):
        yield name, [ast.literal_eval(text) for text in re.findall(STRING, arguments, re.DOTALL)]


def collect(base: Path) -> Found:
    found = Found()
    for app in APPS:
        for file in sorted((base / app).rglob("*.py")):
            if "migrations" not in file.parts:
                for name, texts in _python_calls(file.read_text("utf-8")):
                    found.add(name, texts, file.relative_to(base).as_posix())
    folders = [base / "templates", *(base / app / "templates" for app in APPS)]
    for file in (f for folder in folders for f in sorted(folder.rglob("*")) if f.is_file()):
        if file.suffix in (".html", ".txt"):
            for name, texts in _template_calls(file.read_text("utf-8")):
                found.add(name, texts, file.relative_to(base).as_posix())
    return found


@dataclass(frozen=True)
class Files:
    po: Path
    mo: Path


def files(base: Path) -> Files:
    folder = base / "config" / "locale" / LOCALE / "LC_MESSAGES"
    return Files(folder / "django.po", folder / "django.mo")


def _read(po: Path) -> Catalog:
    if not po.exists():
        return Catalog(locale=LOCALE)
    with po.open("rb") as file:
        return read_po(file, locale=LOCALE)


def build(found: Found, old: Catalog) -> Catalog:
    """The catalogue of what is found, with the translations of the old one."""
    new = Catalog(
        locale=LOCALE,
        project="Huitou",
        version="1",
        copyright_holder="Huitou",
        msgid_bugs_address="",
        creation_date=WRITTEN,
        revision_date=WRITTEN,
        last_translator="Huitou",
        language_team="Huitou",
        fuzzy=False,
        header_comment="# Huitou in simplified Chinese",
    )
    ordered = sorted(found.plurals, key=lambda key: (min(found.files[key]), key[1], key[0] or ""))
    for context, sentence in ordered:
        plural = found.plurals[context, sentence]
        known = old.get(sentence, context)
        # Chinese has one form for all numbers.
        text = _texts(known)[0] if known else ""
        places = [(file, 0) for file in sorted(found.files[context, sentence])]
        identity = (sentence, plural) if plural else sentence
        new.add(identity, (text,) if plural else text, locations=places, context=context)
    return new


def po_bytes(catalog: Catalog) -> bytes:
    out = BytesIO()
    write_po(out, catalog, width=100, include_lineno=False)
    # Babel names itself and its version in the header: a newer Babel is no change of ours.
    return re.sub(rb'"Generated-By:[^\n]*\n', b"", out.getvalue())


def mo_bytes(catalog: Catalog) -> bytes:
    out = BytesIO()
    catalog = read_po(BytesIO(po_bytes(catalog)), locale=LOCALE)
    write_mo(out, catalog)
    return out.getvalue()


def _sentence(message: Message) -> str:
    return message.id if isinstance(message.id, str) else str(message.id[0])


def _texts(message: Message) -> tuple[str, ...]:
    given = message.string
    return tuple(map(str, given)) if isinstance(given, tuple | list) else (str(given or ""),)


def faults(catalog: Catalog) -> list[str]:
    """Sentences without translation, and translations whose placeholders differ."""
    found = []
    for message in catalog:
        if not message.id:
            continue
        sentence = _sentence(message)
        if not all(_texts(message)):
            found.append(f"not translated: {sentence}")
            continue
        wanted = set(re.findall(r"%\((\w+)\)", sentence))
        if isinstance(message.id, tuple):
            wanted |= set(re.findall(r"%\((\w+)\)", message.id[1]))
        for text in _texts(message):
            given = set(re.findall(r"%\((\w+)\)", text))
            if given != wanted:
                found.append(f"placeholders differ: {sentence} → {text}")
    return found


def update(base: Path) -> list[str]:
    """Write both files; returns the faults that only a translator can mend."""
    target = files(base)
    catalog = build(collect(base), _read(target.po))
    target.po.parent.mkdir(parents=True, exist_ok=True)
    for file, content in ((target.po, po_bytes(catalog)), (target.mo, mo_bytes(catalog))):
        # Whole or not at all: with half a catalogue no command of Django starts.
        unfinished = file.with_suffix(".new")
        unfinished.write_bytes(content)
        unfinished.replace(file)
    return faults(catalog)


def check(base: Path) -> list[str]:
    """Everything that is wrong with the committed files; nothing is written."""
    target = files(base)
    catalog = build(collect(base), _read(target.po))
    found = faults(catalog)
    if not target.po.exists() or target.po.read_bytes() != po_bytes(catalog):
        found.append(f"{target.po.name} is out of date: run `make messages`")
    if not target.mo.exists() or target.mo.read_bytes() != mo_bytes(catalog):
        found.append(f"{target.mo.name} is out of date: run `make messages`")
    return found
