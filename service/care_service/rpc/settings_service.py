"""SettingsService."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from uuid import UUID

import grpc
from google.protobuf.message import Message

from care.v1 import settings_pb2, settings_service_pb2_grpc
from care.v1 import settings_service_pb2 as pb
from care_rules import names
from care_rules.names import Child
from care_rules.organizations import Location, Organization, settings_at
from care_rules.refusals import Reason, Refusal, not_found
from care_rules.replies import FORM_LINK, byte_limit, with_link
from care_rules.settings import FIELDS, Layer, SettingsRevision
from care_service.rpc import convert, page_tokens, settings_convert
from care_service.rpc.call import current_call
from care_service.rpc.execute import Repeat
from care_service.rpc.fields import LONG_TEXT, Fields
from care_service.rpc.revising import check_everywhere, check_here, revision
from care_service.usecases.links import Links
from care_service.usecases.ports import Directory, Reader, StaleError

Context = grpc.aio.ServicerContext[Message, Message]

_NOTHING: Final = Child("", "")
_TRIES: Final = 4
_LANGUAGE: Final = 35
"""Characters of a language tag (RFC 5646, section 4.4.1)."""
_SITE: Final = 100


class SettingsHandlers(settings_service_pb2_grpc.SettingsServiceServicer):
    """Converts, checks, stores, converts."""

    def __init__(self, reader: Reader, directory: Directory, links: Links) -> None:
        self._reader = reader
        self._directory = directory
        self._links = links

    async def GetSettings(self, request: pb.GetSettingsRequest, context: Context) -> pb.GetSettingsResponse:
        """See the contract."""
        organization, location = await self._places(self._name("name", request.name), request.name)
        settings, holding, sources = _shown(organization, location)
        return pb.GetSettingsResponse(settings=settings, effective=holding, sources=sources)

    async def UpdateSettings(self, request: pb.UpdateSettingsRequest, context: Context) -> pb.UpdateSettingsResponse:
        """See the contract."""
        call, fields, given = current_call(), Fields(), request.settings
        name = fields.name("settings.name", given.name, names.parse_settings, _NOTHING)
        request_id = fields.request_id(request.request_id)
        layer = settings_convert.read(given, lambda field, words: fields.wrong(f"settings.{field}", words))
        verbs: dict[str, str] = {}
        paths = frozenset(fields.mask(request.update_mask.paths, FIELDS, verbs, layer.names))
        fields.check()
        call.enter(name.organization, given.name)
        repeat = Repeat(call, name.organization, request, request_id, request.etag)
        for _ in range(_TRIES):
            kept = await self._directory.answer(repeat.key) if repeat.key else None
            if (answer := repeat.replay(kept, pb.UpdateSettingsResponse)) is not None:
                return answer
            organization, location = await self._places(name, given.name)
            _check_etag(location or organization, request.etag, given.name)
            try:
                return await self._write(organization, location, layer, paths, repeat)
            except StaleError:
                continue
        raise Refusal(Reason.CONTENDED, "Others changed the settings at the same time: call again.")

    async def ListSettingsRevisions(
        self, request: pb.ListSettingsRevisionsRequest, context: Context
    ) -> pb.ListSettingsRevisionsResponse:
        """See the contract."""
        fields = Fields()
        size = fields.page_size(request.page_size)
        fields.check()
        name = self._name("parent", request.parent)
        await self._places(name, request.parent)
        scope = f"revisions {request.parent}"
        before = page_tokens.read_token(request.page_token, scope, lambda key: page_tokens.number(key[0]))
        rows = await self._reader.settings_revisions(name.organization, name.id, before, size + 1)
        revisions, token = page_tokens.cut(
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
            fields.wrong("reply_text", f"must contain {FORM_LINK} exactly once, where the link shall stand")
        fields.check()
        organization, location = await self._places(self._name("name", request.name), request.name)
        holding = settings_at(organization, location)
        template = None if given else holding.template(language)
        if not given and template is None:
            fields.wrong("reply_text", "is missing, and there is no template: say something, or set reply_templates")
        fields.check()
        text = template.text if template else given
        # Every link has the length of this one, whatever recovery it is made for.
        link = self._links.form_link(UUID(int=0), self._links.current)
        return pb.PreviewReplyResponse(
            reply_text=text,
            language=template.language if template else "",
            length_bytes=len(with_link(text, link).encode()),
            limit_bytes=byte_limit(site) if site else 0,
        )

    async def _write(
        self,
        organization: Organization,
        location: Location | None,
        layer: Layer,
        paths: frozenset[str],
        repeat: Repeat,
    ) -> pb.UpdateSettingsResponse:
        call = current_call()
        place = location or organization
        after = place.settings.changed(layer, paths)
        revised = revision(place, after, call.caller, call.now)
        if revised is None:
            settings, holding, sources = _shown(organization, location)
            return pb.UpdateSettingsResponse(settings=settings, effective=holding, sources=sources)
        if location is not None:
            location = replace(location, settings=after, settings_revision=revised.number, update_time=call.now)
            check_here(organization, location, "settings")
        else:
            organization = replace(organization, settings=after, settings_revision=revised.number, update_time=call.now)
            await check_everywhere(self._reader, organization, "settings")
        settings, holding, sources = _shown(organization, location)
        response = pb.UpdateSettingsResponse(settings=settings, effective=holding, sources=sources)
        if location is not None:
            await self._directory.put_location(location, (), repeat.record(response), revised)
        else:
            await self._directory.put_organization(organization, (), repeat.record(response), revised)
        return response

    def _name(self, field: str, text: str) -> Child:
        fields = Fields()
        name = fields.name(field, text, names.parse_settings, _NOTHING)
        fields.check()
        current_call().enter(name.organization, text)
        return name

    async def _places(self, name: Child, resource: str) -> tuple[Organization, Location | None]:
        organization = await self._reader.organization(name.organization)
        location = await self._reader.location(name.organization, name.id) if name.id else None
        if organization is None or (name.id and location is None):
            raise not_found(resource)
        return organization, location


def _check_etag(place: Organization | Location, etag: str, resource: str) -> None:
    if etag and etag != str(place.settings_revision):
        words = "The settings have changed since they were read: read them again."
        raise Refusal(Reason.ETAG_MISMATCH, words, {"settings": resource, "etag": str(place.settings_revision)})


def _shown(
    organization: Organization, location: Location | None
) -> tuple[settings_pb2.Settings, settings_pb2.Settings, list[settings_pb2.SettingsSource]]:
    """Returns what is set at a place, what holds there, and where each field of that comes from."""
    place = location or organization
    own = names.settings(organization.id, location.id if location else "")
    holding = settings_at(organization, location)
    sources = []
    for field in sorted(FIELDS):
        source = ""
        if location is not None and field in location.settings.names:
            source = own
        elif field in organization.settings.names:
            source = names.settings(organization.id)
        sources.append(settings_pb2.SettingsSource(field=field, source=source))
    settings = settings_convert.message(place.settings, own, place.settings_revision)
    return settings, settings_convert.whole(holding, own), sources


def _revision_message(revision: SettingsRevision) -> settings_pb2.SettingsRevision:
    return settings_pb2.SettingsRevision(
        number=revision.number,
        author=revision.author,
        create_time=convert.timestamp(revision.create_time),
        changes=map(convert.field_change, revision.changes),
    )
