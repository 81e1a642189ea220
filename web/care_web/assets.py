"""The static files. Each URL contains a hash of the content, so that browsers can cache it forever."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_HASH_CHARACTERS: Final = 12


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file."""

    path: str
    """URL path, such as ``/static/pages.0123456789ab.css``."""
    content: bytes
    media_type: str

    @classmethod
    def load(cls, name: str) -> "Asset":
        """Reads the file ``name`` from the package's folder ``static``."""
        content = files("care_web").joinpath("static", name).read_bytes()
        digest = sha256(content).hexdigest()[:_HASH_CHARACTERS]
        file = PurePosixPath(name)
        return cls(f"/static/{file.stem}.{digest}{file.suffix}", content, _MEDIA_TYPES[file.suffix])

    async def respond(self, request: Request) -> Response:
        """Returns the file as a response."""
        del request
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(self.content, media_type=self.media_type, headers=headers)


def asset_routes(assets: Sequence[Asset]) -> list[Route]:
    """Returns one route for each asset. No other path below ``/static/`` exists."""
    return [Route(asset.path, asset.respond) for asset in assets]
