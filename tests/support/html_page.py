"""Parses an HTML page for assertions."""

from html.parser import HTMLParser


class HtmlPage(HTMLParser):
    """The text and the elements of an HTML page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Returns the attributes of all elements with this tag."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def external_links(self) -> list[dict[str, str | None]]:
        return [link for link in self.all("a") if not (link["href"] or "").startswith(("/", "#"))]
