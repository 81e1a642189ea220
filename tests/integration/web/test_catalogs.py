"""The texts in all languages are complete, have the same placeholders, and follow the rules of their script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from importlib.resources import files
from string import Formatter
from typing import cast

import pytest

from care_web.languages import DEFAULT_LANGUAGE, LANGUAGES, Language
from care_web.texts.catalog import Catalog

KEYS = sorted(Catalog.__required_keys__)
EACH = pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
NO_CATALOGS = {"__init__", "catalog"}
TRANSLATIONS = [language for language in LANGUAGES.values() if language is not DEFAULT_LANGUAGE]

FSI, PDI = "\u2068", "\u2069"


def texts(language: Language) -> Mapping[str, str]:
    return cast("Mapping[str, str]", language.catalog)


def placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def test_there_are_five_languages_each_with_its_own_name() -> None:
    assert [(language.tag, language.name, language.direction) for language in LANGUAGES.values()] == [
        ("en", "English", "ltr"),
        ("es", "Español", "ltr"),
        ("fr", "Français", "ltr"),
        ("de", "Deutsch", "ltr"),
        ("ar", "العربية", "rtl"),
    ]


def test_each_catalog_is_a_language() -> None:
    modules = {path.name.removesuffix(".py") for path in files("care_web.texts").iterdir() if path.name.endswith(".py")}
    catalogs = [vars(import_module(f"care_web.texts.{name}"))[name.upper()] for name in sorted(modules - NO_CATALOGS)]
    assert sorted(map(id, catalogs)) == sorted(id(language.catalog) for language in LANGUAGES.values())


@EACH
def test_no_text_is_missing_or_too_many_or_empty(language: Language) -> None:
    assert sorted(texts(language)) == KEYS
    assert [key for key in KEYS if texts(language)[key] != texts(language)[key].strip()] == []
    assert [key for key in KEYS if not texts(language)[key]] == []


@pytest.mark.parametrize("key", KEYS)
def test_every_language_has_the_same_placeholders(key: str) -> None:
    filled_in = {language.tag: placeholders(texts(language)[key]) for language in LANGUAGES.values()}
    assert {tag: names for tag, names in filled_in.items() if names != filled_in["en"]} == {}


def test_exactly_the_texts_with_a_business_have_a_variant_without_it() -> None:
    named = {key for key in KEYS if "business" in placeholders(texts(DEFAULT_LANGUAGE)[key])}
    assert {f"{key}.unnamed" for key in named} == {key for key in KEYS if key.endswith(".unnamed")}
    assert not any(placeholders(texts(DEFAULT_LANGUAGE)[key]) for key in KEYS if key.endswith(".unnamed"))


@pytest.mark.parametrize("language", TRANSLATIONS, ids=lambda language: language.tag)
def test_every_text_is_translated(language: Language) -> None:
    same = {key for key in KEYS if texts(language)[key] == texts(DEFAULT_LANGUAGE)[key]}
    # Words that are the same in several languages, and an example address.
    assert same <= {"title.error", "errors.prefix", "example.address"}


def test_every_text_is_used_by_a_page() -> None:
    package = files("care_web")
    sources = [file for folder in (package, package / "templates") for file in folder.iterdir() if file.is_file()]
    code = "\n".join(file.read_text() for file in sources)
    # Keys are written in full, or composed of a name and a suffix.
    endings = set(re.findall(r"\.(\w+)[\"']", code)) | {"unnamed"}
    unused = {key for key in KEYS if f'"{key}"' not in code and key.rpartition(".")[2] not in endings}
    assert {key for key in unused if not key.startswith(("errors.", "example."))} == set()


@EACH
def test_apostrophes_and_quotes_are_typographic(language: Language) -> None:
    assert [key for key in KEYS if set("'\"`") & set(texts(language)[key])] == []


def test_french_keeps_its_marks_on_the_line_of_their_word() -> None:
    loose = re.compile(r"(?<![\u00a0\u202f])[?!;]|(?<!\u00a0):|\d \d")
    assert {key: text for key, text in texts(LANGUAGES["fr"]).items() if loose.search(text)} == {}


def test_arabic_is_written_with_its_own_marks() -> None:
    latin = re.compile(r"[?;]|, ")
    assert {key: text for key, text in texts(LANGUAGES["ar"]).items() if latin.search(text)} == {}


def test_the_reader_is_addressed_formally() -> None:
    friendly = {
        "de": r"\b(?:du|dich|dir|dein\w*)\b",
        "fr": r"\b(?:tu|te|toi|ton|ta|tes)\b",
        "es": r"\b(?:tú|te|ti|tus?)\b",
    }
    for tag, pattern in friendly.items():
        found = [text for text in texts(LANGUAGES[tag]).values() if re.search(pattern, text, re.IGNORECASE)]
        assert found == [], tag


# --- times and waits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("en", "31 December 2025, 23:05 UTC"),
        ("es", "31 de diciembre de 2025, 23:05 (hora UTC)"),
        ("fr", "31 décembre 2025, 23:05 (heure UTC)"),
        ("de", "31. Dezember 2025, 23:05 Uhr (UTC)"),
        ("ar", "31 ديسمبر 2025، 11:05 م (UTC)"),
    ],
)
def test_times_are_in_utc_in_the_format_of_the_language(tag: str, expected: str) -> None:
    moment = datetime(2026, 1, 1, 1, 5, tzinfo=timezone(timedelta(hours=2)))
    told = LANGUAGES[tag].format_time(moment)
    # Some languages use a no-break space between number and unit.
    assert told.striptags().replace("\u202f", " ").replace("\u00a0", " ") == expected
    assert told == LANGUAGES[tag].format_time(moment.astimezone(UTC))
    assert 'datetime="2025-12-31T23:05:00+00:00"' in told


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(1, "20 seconds"), (20, "20 seconds"), (21, "1 minute"), (60, "1 minute"), (61, "2 minutes")],
)
def test_a_wait_is_never_rounded_down(seconds: int, expected: str) -> None:
    assert DEFAULT_LANGUAGE.format_wait(seconds) == expected.replace(" ", "\u00a0"), "the number stays with its unit"


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("es", ["20 segundos", "1 minuto", "2 minutos", "3 minutos", "15 minutos"]),
        ("fr", ["20 secondes", "1 minute", "2 minutes", "3 minutes", "15 minutes"]),
        ("de", ["20 Sekunden", "1 Minute", "2 Minuten", "3 Minuten", "15 Minuten"]),
        # Four forms: one, two, few and many.
        ("ar", ["20 ثانية", "دقيقة", "دقيقتان", "3 دقائق", "15 دقيقة"]),
    ],
)
def test_a_wait_has_the_plural_of_its_language(tag: str, expected: list[str]) -> None:
    told = [LANGUAGES[tag].format_wait(seconds) for seconds in (20, 60, 120, 180, 900)]
    assert [text.replace("\u202f", " ").replace("\u00a0", " ") for text in told] == expected


@pytest.mark.parametrize(
    ("tag", "number"),
    [("en", "10,000"), ("es", "10.000"), ("fr", "10\u202f000"), ("de", "10.000"), ("ar", "10,000")],
)
def test_numbers_have_the_separators_of_their_language(tag: str, number: str) -> None:
    assert LANGUAGES[tag].format_number(10_000) == number


# --- directions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "name", "title"),
    [
        ("en", "Harbor Café", "Harbor Café has closed this case"),
        ("en", "مقهى الميناء", f"{FSI}مقهى الميناء{PDI} has closed this case"),
        ("ar", "Harbor Café", f"سبق أن أغلق فريق {FSI}Harbor Café{PDI} هذه الحالة"),
        ("ar", "مقهى الميناء", f"سبق أن أغلق فريق {FSI}مقهى الميناء{PDI} هذه الحالة"),
    ],
)
def test_a_name_in_a_title_is_isolated_where_directions_meet(tag: str, name: str, title: str) -> None:
    assert LANGUAGES[tag].translate_plain("closed.title", business=name) == title


@EACH
def test_examples_run_from_left_to_right_in_every_language(language: Language) -> None:
    assert re.search(r'<bdi dir="ltr">\+\d+</bdi>', language.translate("phone.hint"))
    assert re.search(r'<bdi dir="ltr">\w+@example\.com</bdi>', language.translate("errors.email"))


@EACH
def test_values_of_placeholders_are_text_and_not_markup(language: Language) -> None:
    assert "<bdi>&lt;b&gt;{code}</bdi>" in language.translate("form.private", business="<b>{code}")
