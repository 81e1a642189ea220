"""Parses a page into its elements with their attributes and texts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

_VOID = frozenset({"circle", "input", "link", "meta", "path"})
"""Elements without an end tag. SVG's elements close themselves."""


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text of the element, with white space collapsed as in HTML. No-break spaces stay."""
        return re.sub(r"[ \t\n\f\r]+", " ", "".join(self.parts)).strip(" ")


class Page(HTMLParser):
    """A parsed page."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(response.text)
        self.close()
        assert not self._open, f"not closed: {[element.tag for element in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        element = self._open.pop()
        assert element.tag == tag, f"<{element.tag}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.parts.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Returns the elements with this tag and these attributes. Write ``class_`` for ``class``."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [found for found in self.elements if found.tag == tag and wanted.items() <= found.attributes.items()]

    def one(self, tag: str, **attributes: str) -> Element:
        [found] = self.all(tag, **attributes)
        return found

    def by_id(self, id: str) -> Element:  # noqa: A002 - the attribute's name
        [found] = [element for element in self.elements if element.attributes.get("id") == id]
        return found

    @property
    def title(self) -> str:
        return self.one("title").text

    @property
    def heading(self) -> str:
        return self.one("h1").text

    @property
    def values(self) -> dict[str, str]:
        """The values that a browser sends if nothing was changed."""
        found = {}
        for element in self.elements:
            attributes = element.attributes
            if element.tag == "textarea":
                # HTML ignores the line end after the start tag.
                found[attributes["name"]] = "".join(element.parts).removeprefix("\n")
            elif element.tag == "input" and (attributes.get("type") != "checkbox" or "checked" in attributes):
                found[attributes["name"]] = attributes["value"]
        return found

    @property
    def errors(self) -> dict[str, str]:
        """The error of each field, taken from its description, without the prefix for screen readers."""
        found = {}
        for element in self.elements:
            if element.attributes.get("aria-invalid") == "true":
                ids = element.attributes["aria-describedby"].split()
                [error] = [self.by_id(name) for name in ids if name.endswith("-error")]
                found[element.attributes["name"]] = error.text.removeprefix("Error: ")
        return found

    @property
    def summary(self) -> dict[str, str]:
        """The links of the error summary: by target, the text."""
        links = (link for link in self.all("a") if link.attributes["href"].startswith("#"))
        return {link.attributes["href"].removeprefix("#"): link.text for link in links}
