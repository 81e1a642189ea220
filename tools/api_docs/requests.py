"""An example request for each method, as JSON. The pages show it as a Python call and as a grpcurl command."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

Json = str | int | bool | list["Json"] | dict[str, "Json"]

_ORGANIZATION: Final = "organizations/acme"
_LOCATION: Final = f"{_ORGANIZATION}/locations/soho"
_REVIEW: Final = f"{_ORGANIZATION}/reviews/0192f0c1-2f6e-7c3a-9d55-5b8f0a1c2d3e"
_TICKET: Final = f"{_ORGANIZATION}/tickets/7"
_RECOVERY: Final = f"{_TICKET}/recoveries/0192f0c5-8a41-7d0e-b6a2-3f1e9c7d5b20"
_AGENT: Final = f"{_ORGANIZATION}/agents/bob"
_REQUEST_ID: Final = "6f1c2a52-0f7e-4a0e-9a37-5f0d0b6f2c11"
_FORM_TOKEN: Final = "k1.the-token-from-the-link"  # noqa: S105 - a placeholder
_CHAT_TOKEN: Final = "k1.the-token-from-the-private-link"  # noqa: S105 - a placeholder
_MESSAGE: Final = f"{_TICKET}/messages/0192f0c9-41b7-7e55-a0d3-6c2b8e4f1a97"
_NEW_REVIEW: Final[dict[str, Json]] = {
    "site": "local",
    "externalId": "r-1",
    "location": _LOCATION,
    "authorDisplayName": "Ann",
    "stars": 1,
    "text": "Cold soup.",
    "createTime": "2026-03-01T12:00:00Z",
}

REQUESTS: Final[Mapping[str, dict[str, Json]]] = MappingProxyType(
    {
        "TicketService.CreateTicket": {
            "parent": _ORGANIZATION,
            "ticket": {
                "subject": "Cold soup",
                "location": _LOCATION,
                "priority": "TICKET_PRIORITY_HIGH",
                "labels": ["vip"],
                "externalReference": "ORD-1042",
            },
            "contact": {"email": "ann@example.com", "displayName": "Ann"},
            "requestId": _REQUEST_ID,
        },
        "TicketService.GetTicket": {"name": _TICKET},
        "TicketService.ListTickets": {
            "parent": _ORGANIZATION,
            "filter": 'status = OPEN AND assignee = "" AND labels:vip',
            "orderBy": "priority desc, update_time",
            "pageSize": 20,
        },
        "TicketService.CountTickets": {"parent": _ORGANIZATION, "filter": f'location = "{_LOCATION}"'},
        "TicketService.WatchTickets": {"parent": _ORGANIZATION, "filter": "status != CLOSED"},
        "TicketService.UpdateTicket": {
            "ticket": {"name": _TICKET, "priority": "TICKET_PRIORITY_URGENT", "labels": ["vip", "refund"]},
            "updateMask": "priority,labels",
            "etag": "3",
        },
        "TicketService.TakeTicket": {"name": _TICKET, "requestId": _REQUEST_ID},
        "TicketService.AssignTicket": {"name": _TICKET, "assignee": _AGENT},
        "TicketService.ReleaseTicket": {"name": _TICKET},
        "TicketService.StartTicket": {"name": _TICKET, "etag": "3"},
        "TicketService.ResolveTicket": {"name": _TICKET},
        "TicketService.CloseTicket": {"name": _TICKET},
        "TicketService.ReopenTicket": {"name": _TICKET},
        "TicketService.BatchAssignTickets": {
            "parent": _ORGANIZATION,
            "requests": [
                {"name": _TICKET, "assignee": _AGENT},
                {"name": f"{_ORGANIZATION}/tickets/8", "assignee": _AGENT},
            ],
        },
        "TicketService.BatchResolveTickets": {"parent": _ORGANIZATION, "requests": [{"name": _TICKET}]},
        "TicketService.BatchCloseTickets": {"parent": _ORGANIZATION, "requests": [{"name": _TICKET}]},
        "TicketService.ListActivities": {"parent": _TICKET, "pageSize": 20},
        "ConversationService.SendRecoveryForm": {
            "parent": _TICKET,
            "replyText": "We are sorry about the soup. Please tell us how to reach you: {form_link}",
            "requestId": _REQUEST_ID,
        },
        "ConversationService.WithdrawRecoveryForm": {"name": _RECOVERY},
        "ConversationService.AddContact": {"parent": _TICKET, "email": "ann@example.com", "displayName": "Ann"},
        "ConversationService.RejectContact": {"name": _RECOVERY},
        "ConversationService.GetRecovery": {"name": _RECOVERY},
        "ConversationService.ListRecoveries": {"parent": _TICKET},
        "ConversationService.ListContacts": {"parent": _TICKET},
        "ConversationService.ListMessages": {"parent": _TICKET, "pageSize": 50},
        "ConversationService.AddNote": {"parent": _TICKET, "text": "The cook remembers that evening."},
        "ConversationService.SendMessage": {"parent": _TICKET, "text": "We are sorry, Ann.", "requestId": _REQUEST_ID},
        "ConversationService.IngestMessage": {
            "parent": _ORGANIZATION,
            "message": {
                "channel": "CHANNEL_EMAIL",
                "externalId": "CAF4a@mail.example.com",
                "sender": "ann@example.com",
                "subject": "Re: Cold soup",
                "text": "Thank you, Tuesday is fine.",
            },
        },
        "ConversationService.ListUnmatchedMessages": {"parent": _ORGANIZATION},
        "CustomerService.GetChat": {"token": _CHAT_TOKEN},
        "CustomerService.PostMessage": {"token": _CHAT_TOKEN, "text": "Tuesday is fine.", "requestId": _REQUEST_ID},
        "CustomerService.WatchChat": {"token": _CHAT_TOKEN},
        "CustomerService.GetContactForm": {"token": _FORM_TOKEN},
        "CustomerService.SubmitContact": {
            "token": _FORM_TOKEN,
            "phone": "+14155550123",
            "displayName": "Ann",
            "message": "Please call me.",
            "consent": True,
        },
        "ReviewService.IngestReview": {"parent": _ORGANIZATION, "review": _NEW_REVIEW},
        "ReviewService.BatchIngestReviews": {"parent": _ORGANIZATION, "requests": [{"review": _NEW_REVIEW}]},
        "ReviewService.GetReview": {"name": _REVIEW},
        "ReviewService.ListReviews": {"parent": _ORGANIZATION, "filter": 'stars <= 2 AND ticket = ""'},
        "DirectoryService.GetOrganization": {"name": _ORGANIZATION},
        "DirectoryService.UpdateOrganization": {
            "organization": {"name": _ORGANIZATION, "displayName": "Acme Kitchens", "formLifetime": "1209600s"},
            "updateMask": "displayName,formLifetime",
        },
        "DirectoryService.ListLocations": {"parent": _ORGANIZATION},
        "DirectoryService.GetLocation": {"name": _LOCATION},
        "DirectoryService.UpdateLocation": {
            "location": {"name": _LOCATION, "displayName": "Acme Soho", "defaultPhoneRegion": "GB"},
            "allowMissing": True,
        },
        "DirectoryService.ListAgents": {"parent": _ORGANIZATION},
        "DirectoryService.GetAgent": {"name": _AGENT},
        "DirectoryService.UpdateAgent": {
            "agent": {"name": _AGENT, "canBeAssignee": True},
            "updateMask": "canBeAssignee",
        },
        "LifecycleService.GetLifecycle": {},
        "WorkerService.GetNextDeadline": {"name": _TICKET},
        "WorkerService.FireDeadline": {"name": _TICKET},
        "SettingsService.GetSettings": {"name": f"{_LOCATION}/settings"},
        "SettingsService.UpdateSettings": {
            "settings": {
                "name": f"{_ORGANIZATION}/locations/harbor/settings",
                "inactivityDays": 14,
                "businessHours": {
                    "timeZone": "Europe/Berlin",
                    "hours": [{"day": "WEEKDAY_MONDAY", "start": "09:00", "end": "17:30"}],
                    "holidays": ["2026-12-25"],
                },
            },
            "requestId": _REQUEST_ID,
        },
        "SettingsService.ListSettingsRevisions": {"parent": f"{_LOCATION}/settings"},
        "SettingsService.PreviewReply": {
            "name": f"{_LOCATION}/settings",
            "site": "google",
            "replyText": "We are sorry. Please tell us how to reach you: {form_link}",
        },
        "WorkerService.CheckRecovery": {"name": _RECOVERY},
        "WorkerService.BeginPosting": {"name": _RECOVERY, "step": "RECOVERY_STEP_POST"},
        "WorkerService.RecordPosted": {"name": _RECOVERY, "attempt": "1"},
        "WorkerService.RecordRefused": {
            "name": _RECOVERY,
            "attempt": "1",
            "reason": "REFUSAL_REASON_LINKS_NOT_ALLOWED",
            "providerMessage": "Links are not allowed in replies.",
        },
        "WorkerService.RecordRetracted": {"name": _RECOVERY, "attempt": "1"},
        "WorkerService.UnlockChat": {"name": _RECOVERY},
        "WorkerService.BeginDelivery": {"name": _MESSAGE, "step": "DELIVERY_STEP_SEND"},
        "WorkerService.RecordDelivered": {"name": _MESSAGE, "attempt": "1", "state": "DELIVERY_STATE_SENT"},
        "WorkerService.RecordFailed": {
            "name": _MESSAGE,
            "attempt": "1",
            "reason": "DELIVERY_FAILURE_ADDRESS_REFUSED",
            "providerMessage": "550 5.1.1 No such user",
        },
        "WorkerService.ExpireForm": {"name": _RECOVERY},
    }
)
"""The requests by service and method. Field names are in camel case, as in the JSON format of protobuf."""
