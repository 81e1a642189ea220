"""SettingsService: the settings of organizations and locations."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import grpc
from google.protobuf.message import Message

from care.v1 import settings_pb2, settings_service_pb2_grpc
from care.v1 import settings_service_pb2 as pb
from care_rules import names
from care_rules.replies import FORM_LINK, byte_limit, insert_link
from care_rules.settings import FIELDS, SettingsRevision
from care_service.rpc import convert, page_tokens, settings_convert
from care_service.rpc.call import current_call
from care_service.rpc.fields import LONG_TEXT, Fields
from care_service.rpc.placeholders import NO_CHILD
from care_service.rpc.responses import Responder
from care_service.usecases import settings_updates
from care_service.usecases.links import Links
from care_service.usecases.ports.directory import Directory
from care_service.usecases.ports.reader import Reader
from care_service.usecases.settings_updates import SettingsPlace

Context = grpc.aio.ServicerContext[Message, Message]

_LANGUAGE: Final = 35
"""The maximum length of a language tag, in characters (RFC 5646, section 4.4.1)."""
_SITE: Final = 100


class SettingsHandlers(settings_service_pb2_grpc.SettingsServiceServicer):
    """Serves SettingsService."""

    def __init__(self, reader: Reader, directory: Directory, links: Links) -> None:
        self._reader = reader
        self._directory = directory
        self._links = links

    async def GetSettings(self, request: pb.GetSettingsRequest, context: Context) -> pb.GetSettingsResponse:
        """See the contract."""
        place = await self._place("name", request.name)
        settings, effective, sources = _messages(place)
        return pb.GetSettingsResponse(settings=settings, effective=effective, sources=sources)

    async def UpdateSettings(self, request: pb.UpdateSettingsRequest, context: Context) -> pb.UpdateSettingsResponse:
        """See the contract."""
        call, fields, given = current_call(), Fields(), request.settings
        name = fields.name("settings.name", given.name, names.parse_settings, NO_CHILD)
        request_id = fields.request_id(request.request_id)
        layer = settings_convert.read_settings(
            given, lambda field, problem: fields.reject(f"settings.{field}", problem)
        )
        verbs: dict[str, str] = {}
        paths = frozenset(fields.mask(request.update_mask.paths, FIELDS, verbs, layer.names))
        fields.check()
        responder = Responder(call, request, request_id, pb.UpdateSettingsResponse, _updated, request.etag)
        return responder.respond(
            await settings_updates.update_settings(
                self._reader, self._directory, settings_convert.json_values, name, layer, paths, responder.request
            )
        )

    async def ListSettingsRevisions(
        self, request: pb.ListSettingsRevisionsRequest, context: Context
    ) -> pb.ListSettingsRevisionsResponse:
        """See the contract."""
        fields = Fields()
        size = fields.page_size(request.page_size)
        fields.check()
        place = await self._place("parent", request.parent)
        scope = f"revisions {request.parent}"
        before = page_tokens.read_token(request.page_token, scope, lambda key: page_tokens.number(key[0]))
        location = place.location.id if place.location else ""
        rows = await self._reader.settings_revisions(place.organization.id, location, before, size + 1)
        revisions, token = page_tokens.make_page(
            rows, size, _revision_message, lambda row: page_tokens.make_token(scope, row.number)
        )
        return pb.ListSettingsRevisionsResponse(revisions=revisions, next_page_token=token)

    async def PreviewReply(self, request: pb.PreviewReplyRequest, context: Context) -> pb.PreviewReplyResponse:
        """See the contract."""
        fields = Fields()
        given = fields.text("reply_text", request.reply_text, LONG_TEXT)
        language = fields.text("language", request.language, _LANGUAGE, line=True)
        site = fields.text("site", request.site, _SITE, line=True)
        if given and given.count(FORM_LINK) != 1:
            fields.reject("reply_text", f"must contain {FORM_LINK} exactly once, at the place of the link")
        fields.check()
        effective = (await self._place("name", request.name)).effective
        template = None if given else effective.template(language)
        if not given and template is None:
            fields.reject(
                "reply_text", "is required, because there is no template: give a text, or set reply_templates"
            )
        fields.check()
        text = template.text if template else given
        # All links that the current key signs have the same length, so any link gives the length of the reply.
        link = self._links.form_link(UUID(int=0), self._links.current)
        return pb.PreviewReplyResponse(
            reply_text=text,
            language=template.language if template else "",
            length_bytes=len(insert_link(text, link).encode()),
            limit_bytes=byte_limit(site) if site else 0,
        )

    async def _place(self, field: str, text: str) -> SettingsPlace:
        fields = Fields()
        name = fields.name(field, text, names.parse_settings, NO_CHILD)
        fields.check()
        return await settings_updates.get_settings(self._reader, name, current_call().caller)


def _updated(place: SettingsPlace) -> pb.UpdateSettingsResponse:
    settings, effective, sources = _messages(place)
    return pb.UpdateSettingsResponse(settings=settings, effective=effective, sources=sources)


def _messages(
    place: SettingsPlace,
) -> tuple[settings_pb2.Settings, settings_pb2.Settings, list[settings_pb2.SettingsSource]]:
    """Returns the settings of a place, the settings that apply there, and the source of each of the latter."""
    organization, location = place.organization, place.location
    sources = []
    for field in sorted(FIELDS):
        source = ""
        if location is not None and field in location.settings.names:
            source = place.name
        elif field in organization.settings.names:
            source = names.settings(organization.id)
        sources.append(settings_pb2.SettingsSource(field=field, source=source))
    settings = settings_convert.settings_message(place.own.settings, place.name, place.own.settings_revision)
    return settings, settings_convert.effective_message(place.effective, place.name), sources


def _revision_message(revision: SettingsRevision) -> settings_pb2.SettingsRevision:
    return settings_pb2.SettingsRevision(
        number=revision.number,
        author=revision.author,
        create_time=convert.timestamp(revision.create_time),
        changes=map(convert.field_change, revision.changes),
    )
