"""Makes pages of templates and texts."""

from collections.abc import Mapping
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from care_web.assets import Asset
from care_web.languages import LANGUAGES
from care_web.visit import PARAMETER, Visit

_WITHOUT: Final[Mapping[str, object]] = {"form_id": "", "kept": {}}
"""What most pages have not: a form that the switch of the languages has to carry along, and a query of their own."""


class Renderer:
    """Templates and the addresses of static files."""

    def __init__(self, stylesheet: Asset, icon: Asset, script: Asset) -> None:
        self._environment = Environment(
            loader=PackageLoader("care_web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            stylesheet=stylesheet.path,
            icon=icon.path,
            script=script.path,
            languages=list(LANGUAGES.values()),
            parameter=PARAMETER,
        )

    def page(
        self,
        visit: Visit,
        template: str,
        status: int,
        context: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """Return the page that ``template`` makes of ``context``, in the visit's language."""
        content = self.part(visit, template, context)
        return HTMLResponse(content, status_code=status, headers={**visit.headers, **(headers or {})})

    def part(self, visit: Visit, template: str, context: Mapping[str, object]) -> str:
        """Return the HTML that ``template`` makes of ``context``, in the visit's language."""
        language = visit.language
        words = {"language": language, "say": language.say, "tell": language.tell, "in_words": language.time}
        return self._environment.get_template(template).render({**_WITHOUT, **words, **context})
