"""Every sentence shown to people has its Chinese, and the compiled file is the current one."""

import gettext
from importlib.util import find_spec
from pathlib import Path

from config import borrowed, catalogues

BASE = Path(__file__).resolve().parents[2]


def test_the_committed_catalogue_is_complete() -> None:
    assert catalogues.check(BASE) == []


def test_what_is_translated_for_libraries_is_what_they_say() -> None:
    said = ""
    django = ("django.contrib.admin", "django.contrib.auth", "django.core", "django.db.models")
    for library in ("unfold", "axes", "django_otp", *django):
        spec = find_spec(library)
        assert spec
        assert spec.submodule_search_locations
        for file in Path(next(iter(spec.submodule_search_locations))).rglob("*"):
            if file.suffix in (".py", ".html"):
                said += file.read_text("utf-8").replace("\\'", "'")
    assert [sentence for sentence in borrowed.SENTENCES if sentence not in said] == []


def write(base: Path, name: str, text: str) -> None:
    path = base / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def test_sentences_are_found_in_python_and_templates(tmp_path: Path) -> None:
    write(tmp_path, "members/a.py", '_("One " "sentence")\nngettext("%(n)s cup", "%(n)s cups", n)')
    write(tmp_path, "loyalty/b.py", 'pgettext_lazy("verb", "Open")\n_(name)')
    write(
        tmp_path,
        "loyalty/d.py",
        'from django.utils.translation import gettext_lazy as lazy\nWORDS = [lazy("Later")]',
    )
    write(
        tmp_path,
        "templates/c.html",
        '{% load i18n %}<p>{% translate "It\'s here" %}</p>'
        "{% blocktranslate count n=n %}{{ n }} card{% plural %}{{ n }} cards{% endblocktranslate %}"
        '<a title="{{ _("Close") }}">{% blocktranslate trimmed %}\n  Two\n  lines\n'
        "{% endblocktranslate %}</a>",
    )
    assert catalogues.collect(tmp_path).plurals == {
        (None, "One sentence"): None,
        (None, "%(n)s cup"): "%(n)s cups",
        ("verb", "Open"): None,
        (None, "Later"): None,
        (None, "It's here"): None,
        (None, "%(n)s card"): "%(n)s cards",
        (None, "Close"): None,
        (None, "Two lines"): None,
    }


def test_what_is_missing_wrong_or_stale_is_named(tmp_path: Path) -> None:
    write(tmp_path, "members/a.py", '_("Pay %(amount)s")\n_("Thanks")')
    assert catalogues.update(tmp_path) == [
        "not translated: Pay %(amount)s",
        "not translated: Thanks",
    ]
    po = catalogues.files(tmp_path).po
    text = po.read_text("utf-8")
    text = text.replace('msgid "Thanks"\nmsgstr ""', 'msgid "Thanks"\nmsgstr "谢谢"')
    po.write_text(
        text.replace('"Pay %(amount)s"\nmsgstr ""', '"Pay %(amount)s"\nmsgstr "付%(sum)s"'), "utf-8"
    )
    assert catalogues.check(tmp_path) == [
        "placeholders differ: Pay %(amount)s → 付%(sum)s",
        "django.mo is out of date: run `make messages`",
    ]
    po.write_text(po.read_text("utf-8").replace("%(sum)s", "%(amount)s"), "utf-8")
    assert catalogues.update(tmp_path) == []
    assert catalogues.check(tmp_path) == []
    with catalogues.files(tmp_path).mo.open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Thanks") == "谢谢"
