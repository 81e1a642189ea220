"""Renders pages from Jinja templates and translated texts."""

from collections.abc import Mapping
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from care_web.assets import Asset
from care_web.languages import LANGUAGES
from care_web.request_context import LANGUAGE_PARAMETER, RequestContext

_DEFAULTS: Final[Mapping[str, object]] = {"form_id": "", "query": {}}
"""Defaults for pages that have no form, or no query that the language menu must keep."""


class Renderer:
    """The templates, with the URLs of the static files."""

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
            language_parameter=LANGUAGE_PARAMETER,
        )

    def page(
        self,
        context: RequestContext,
        template: str,
        status: int,
        variables: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """Returns a page as a response, in the language of the request."""
        content = self.fragment(context, template, variables)
        return HTMLResponse(content, status_code=status, headers={**context.headers, **(headers or {})})

    def fragment(self, context: RequestContext, template: str, variables: Mapping[str, object]) -> str:
        """Returns the HTML of a template, in the language of the request."""
        language = context.language
        functions = {
            "language": language,
            "translate": language.translate,
            "format_time": language.format_time,
        }
        return self._environment.get_template(template).render({**_DEFAULTS, **functions, **variables})
