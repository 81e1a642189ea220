"""A page as a browser's parser finds it: its text and its elements."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """The text and the elements of a page, as a browser's parser would find them."""

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
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def external_links(self) -> list[dict[str, str | None]]:
        return [link for link in self.all("a") if not (link["href"] or "").startswith(("/", "#"))]
