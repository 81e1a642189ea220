"""DirectoryService: organizations, their locations and their agents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import grpc
from google.protobuf.message import Message

from care.v1 import directory_service_pb2 as pb
from care.v1 import directory_service_pb2_grpc
from care_rules import names
from care_rules.entities.agent import Agent
from care_rules.entities.message import Channel
from care_rules.names import Child
from care_rules.organizations import Location, Organization
from care_rules.settings import Layer, Settings
from care_service.rpc import convert, enums, page_tokens
from care_service.rpc.call import current_call
from care_service.rpc.fields import DISPLAY_NAME, LONG_TEXT, Fields
from care_service.rpc.placeholders import NO_CHILD
from care_service.rpc.responses import Responder
from care_service.rpc.settings_convert import json_values
from care_service.usecases import directory
from care_service.usecases.directory import AgentChanges, PlaceChanges
from care_service.usecases.ports.directory import Directory
from care_service.usecases.ports.reader import Reader

Context = grpc.aio.ServicerContext[Message, Message]

_HOUR: Final = 3_600
_YEAR: Final = 365 * 24 * _HOUR
_SETTINGS: Final = frozenset({"form_lifetime", "consent_text", "chat_greeting"})
_MOST_LOCATIONS: Final = 1_000
_ORGANIZATION_FIELDS: Final = ("display_name", "default_phone_region", "form_lifetime", "consent_text", "chat_greeting")
_LOCATION_FIELDS: Final = ("display_name", "default_phone_region", "preferred_channel")
_AGENT_FIELDS: Final = ("display_name", "can_be_assignee", "can_be_reporter", "locations")


class DirectoryHandlers(directory_service_pb2_grpc.DirectoryServiceServicer):
    """Serves DirectoryService."""

    def __init__(self, reader: Reader, directory: Directory) -> None:
        self._reader = reader
        self._directory = directory

    async def GetOrganization(self, request: pb.GetOrganizationRequest, context: Context) -> pb.GetOrganizationResponse:
        """See the contract."""
        fields = Fields()
        name = fields.name("name", request.name, names.parse_organization, "")
        fields.check()
        current_call().caller.check_organization(name, request.name)
        found = await directory.get_organization(self._reader, name)
        return pb.GetOrganizationResponse(organization=convert.organization_message(found))

    async def UpdateOrganization(
        self, request: pb.UpdateOrganizationRequest, context: Context
    ) -> pb.UpdateOrganizationResponse:
        """See the contract."""
        call, fields, given = current_call(), Fields(), request.organization
        name = fields.name("organization.name", given.name, names.parse_organization, "")
        request_id = fields.request_id(request.request_id)
        filled = [field.name for field, _ in given.ListFields() if field.name in _ORGANIZATION_FIELDS]
        paths = fields.mask(request.update_mask.paths, _ORGANIZATION_FIELDS, {}, filled)
        display_name = fields.text("organization.display_name", given.display_name, DISPLAY_NAME, line=True)
        region = fields.region("organization.default_phone_region", given.default_phone_region)
        of_settings = frozenset(paths & _SETTINGS)
        values = Settings(
            consent_text=fields.text("organization.consent_text", given.consent_text, LONG_TEXT),
            chat_greeting=fields.text("organization.chat_greeting", given.chat_greeting, LONG_TEXT),
        )
        if "form_lifetime" in paths:
            fields.duration("organization.form_lifetime", given.form_lifetime, _HOUR, _YEAR)
        if "display_name" in paths and not display_name:
            fields.reject("organization.display_name", "must not be empty")
        fields.check()
        if "form_lifetime" in paths:
            values = replace(values, form_lifetime=given.form_lifetime.ToTimedelta())
        changes = PlaceChanges(
            display_name=display_name if "display_name" in paths else None,
            default_phone_region=region if "default_phone_region" in paths else None,
            settings=Layer(values, of_settings),
            settings_paths=of_settings,
        )
        responder = Responder(call, request, request_id, pb.UpdateOrganizationResponse, _updated_organization)
        return responder.respond(
            await directory.update_organization(
                self._reader, self._directory, json_values, name, changes, responder.request
            )
        )

    async def ListLocations(self, request: pb.ListLocationsRequest, context: Context) -> pb.ListLocationsResponse:
        """See the contract."""
        organization, size, after, scope = self._list(
            request.parent, request.page_size, request.page_token, "locations"
        )
        rows = await self._reader.locations(organization, after, size + 1)
        locations, token = page_tokens.make_page(
            rows, size, convert.location_message, lambda row: page_tokens.make_token(scope, row.id)
        )
        return pb.ListLocationsResponse(locations=locations, next_page_token=token)

    async def GetLocation(self, request: pb.GetLocationRequest, context: Context) -> pb.GetLocationResponse:
        """See the contract."""
        name = self._child(request.name, names.parse_location)
        found = await directory.get_location(self._reader, name)
        return pb.GetLocationResponse(location=convert.location_message(found))

    async def UpdateLocation(self, request: pb.UpdateLocationRequest, context: Context) -> pb.UpdateLocationResponse:
        """See the contract."""
        call, fields, given = current_call(), Fields(), request.location
        name = fields.name("location.name", given.name, names.parse_location, NO_CHILD)
        request_id = fields.request_id(request.request_id)
        filled = [field for field in _LOCATION_FIELDS if getattr(given, field)]
        paths = fields.mask(request.update_mask.paths, _LOCATION_FIELDS, {}, filled)
        display_name = fields.text("location.display_name", given.display_name, DISPLAY_NAME, line=True)
        region = fields.region("location.default_phone_region", given.default_phone_region)
        channel = enums.CHANNEL.from_contract(given.preferred_channel)
        if channel is None and given.preferred_channel:
            fields.reject("location.preferred_channel", f"must be {', '.join(Channel)} or unspecified")
        fields.check()
        own = frozenset(paths & {"preferred_channel"})
        changes = PlaceChanges(
            display_name=display_name if "display_name" in paths else None,
            default_phone_region=region if "default_phone_region" in paths else None,
            settings=Layer(Settings(preferred_channel=channel), own) if channel else Layer(),
            settings_paths=own,
        )
        responder = Responder(call, request, request_id, pb.UpdateLocationResponse, _updated_location)
        return responder.respond(
            await directory.update_location(
                self._reader,
                self._directory,
                json_values,
                name,
                changes,
                responder.request,
                allow_missing=request.allow_missing,
            )
        )

    async def ListAgents(self, request: pb.ListAgentsRequest, context: Context) -> pb.ListAgentsResponse:
        """See the contract."""
        organization, size, after, scope = self._list(request.parent, request.page_size, request.page_token, "agents")
        rows = await self._reader.agents(organization, after, size + 1)
        agents, token = page_tokens.make_page(
            rows, size, convert.agent_message, lambda row: page_tokens.make_token(scope, row.id)
        )
        return pb.ListAgentsResponse(agents=agents, next_page_token=token)

    async def GetAgent(self, request: pb.GetAgentRequest, context: Context) -> pb.GetAgentResponse:
        """See the contract."""
        name = self._child(request.name, names.parse_agent)
        return pb.GetAgentResponse(agent=convert.agent_message(await directory.get_agent(self._reader, name)))

    async def UpdateAgent(self, request: pb.UpdateAgentRequest, context: Context) -> pb.UpdateAgentResponse:
        """See the contract."""
        call, fields, given = current_call(), Fields(), request.agent
        name = fields.name("agent.name", given.name, names.parse_agent, NO_CHILD)
        request_id = fields.request_id(request.request_id)
        filled = [field for field in _AGENT_FIELDS if getattr(given, field)]
        paths = fields.mask(request.update_mask.paths, _AGENT_FIELDS, {}, filled)
        display_name = fields.text("agent.display_name", given.display_name, DISPLAY_NAME, line=True)
        places = [fields.name("agent.locations", each, names.parse_location, NO_CHILD) for each in given.locations]
        if len(places) > _MOST_LOCATIONS:
            fields.reject("agent.locations", f"must have at most {_MOST_LOCATIONS} locations; it has {len(places)}")
        if any(place.organization != name.organization for place in places if place.organization):
            fields.reject("agent.locations", "must all belong to the agent's organization")
        fields.check()
        changes = AgentChanges(
            display_name=display_name if "display_name" in paths else None,
            can_be_assignee=given.can_be_assignee if "can_be_assignee" in paths else None,
            can_be_reporter=given.can_be_reporter if "can_be_reporter" in paths else None,
            locations=frozenset(place.id for place in places) if "locations" in paths else None,
        )
        responder = Responder(call, request, request_id, pb.UpdateAgentResponse, _updated_agent)
        return responder.respond(
            await directory.update_agent(self._reader, self._directory, name, changes, responder.request)
        )

    def _child(self, text: str, parse: Callable[[str], Child]) -> Child:
        fields = Fields()
        name = fields.name("name", text, parse, NO_CHILD)
        fields.check()
        current_call().caller.check_organization(name.organization, text)
        return name

    def _list(self, parent: str, page_size: int, page_token: str, what: str) -> tuple[str, int, str | None, str]:
        fields = Fields()
        organization = fields.name("parent", parent, names.parse_organization, "")
        size = fields.page_size(page_size)
        fields.check()
        current_call().caller.check_organization(organization, parent)
        scope = f"{what} {parent}"
        return (
            organization,
            size,
            page_tokens.read_token(page_token, scope, lambda key: page_tokens.text(key[0])),
            scope,
        )


def _updated_organization(organization: Organization) -> pb.UpdateOrganizationResponse:
    return pb.UpdateOrganizationResponse(organization=convert.organization_message(organization))


def _updated_location(location: Location) -> pb.UpdateLocationResponse:
    return pb.UpdateLocationResponse(location=convert.location_message(location))


def _updated_agent(agent: Agent) -> pb.UpdateAgentResponse:
    return pb.UpdateAgentResponse(agent=convert.agent_message(agent))
