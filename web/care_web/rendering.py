"""Makes pages of templates and texts."""

from collections.abc import Mapping
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from care_web.assets import Asset
from care_web.texts import ENGLISH, describe_time

_BDI: Final = Markup("<bdi>{}</bdi>")


class Renderer:
    """Templates, texts and the addresses of static files."""

    def __init__(self, stylesheet: Asset, icon: Asset) -> None:
        self._environment = Environment(
            loader=PackageLoader("care_web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(say=say, tell=tell, stylesheet=stylesheet.path, icon=icon.path)
        self._environment.filters.update(in_words=describe_time)

    def page(
        self, template: str, status: int, context: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> HTMLResponse:
        """Return the page that ``template`` makes of ``context``."""
        content = self._environment.get_template(template).render(context)
        return HTMLResponse(content, status_code=status, headers=headers)


def say(key: str, **values: str) -> Markup:
    """Return a text as HTML, what is filled in isolated from the direction of the words around it."""
    return escape(ENGLISH[key]).format(**{name: _BDI.format(value) for name, value in values.items()})


def tell(key: str, **values: str) -> str:
    """Return a text without markup, for titles and attributes."""
    return ENGLISH[key].format(**values)
