"""The pages' own static files, each at an address that holds its hash, so that browsers may keep it for good."""

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
    """Its path in the site, such as ``/static/pages.0123456789ab.css``."""
    content: bytes
    media_type: str

    @classmethod
    def load(cls, name: str) -> "Asset":
        """Read the file ``name`` of the package."""
        content = files("care_web").joinpath("static", name).read_bytes()
        digest = sha256(content).hexdigest()[:_HASH_CHARACTERS]
        file = PurePosixPath(name)
        return cls(f"/static/{file.stem}.{digest}{file.suffix}", content, _MEDIA_TYPES[file.suffix])

    async def respond(self, request: Request) -> Response:
        """Answer with the file."""
        del request
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(self.content, media_type=self.media_type, headers=headers)


def asset_routes(assets: Sequence[Asset]) -> list[Route]:
    """Return the routes of ``assets``; there is nothing else under ``/static/``."""
    return [Route(asset.path, asset.respond) for asset in assets]
