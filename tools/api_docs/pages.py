"""Composes the pages: an index, a page for each service, one for messages and enums, and one for errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from google.protobuf.json_format import MessageToJson
from google.rpc.error_details_pb2 import ErrorInfo

from tools.api_docs import examples
from tools.api_docs.contract import PACKAGE, Contract, Enum, Message, Method, Service
from tools.api_docs.markdown import ERROR_REASON, ERRORS, MESSAGES, Links, anchor, first_sentence, page, refusals, table
from tools.api_docs.markdown import reasons as error_reasons

_GENERATED: Final = "<!-- Written by `make api-docs` from protos/care/v1: change it there. -->"

CONNECT: Final = f'''\
import asyncio
import os

from care_client.client import CareClient


async def main() -> None:
    async with CareClient.connect("{examples.ADDRESS}", os.environ["TOKEN"]) as care:
        ...  # the example of a method


asyncio.run(main())'''

HANDLE: Final = """\
from care.v1.ticket_service_pb2 import StartTicketRequest
from care_client.errors import CareError

try:
    await care.tickets.StartTicket(StartTicketRequest(name="organizations/acme/tickets/7"))
except CareError as error:
    print(error.code.name, error.reason, dict(error.metadata))"""

_INFO: Final = ErrorInfo(
    domain="care",
    reason="ILLEGAL_TRANSITION",
    metadata={
        "ticket": "organizations/acme/tickets/7",
        "machine": "status",
        "state": "IN_PROGRESS",
        "allowed": "resolve,close,auto_close",
        "trigger": "start",
    },
)


def pages(contract: Contract) -> Mapping[str, str]:
    """Returns the pages' texts by file name."""
    links = Links.of(contract)
    written = {page(service): _service(service, contract, links) for service in contract.services}
    return {
        "README.md": _index(contract, links),
        **written,
        MESSAGES: _messages(contract, links),
        ERRORS: _errors(contract, links),
    }


def _join(*parts: str) -> str:
    return "\n\n".join(part for part in (_GENERATED, *parts) if part) + "\n"


def _fence(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _index(contract: Contract, links: Links) -> str:
    services = [
        (f"[{service.name}]({page(service)})", first_sentence(service.comment), ", ".join(_methods(service)))
        for service in sorted(contract.services, key=lambda service: list(examples.STUBS).index(service.name))
    ]
    roles = [
        (f"`{name.removeprefix('ROLE_').lower()}`", links.cell(comment))
        for name, comment in contract.enums[f"{PACKAGE}.Role"].values.items()
        if not name.endswith("_UNSPECIFIED")
    ]
    return _join(
        f"# The API: `{PACKAGE}`",
        f"A gRPC API. Its messages and enums are on [one page]({MESSAGES}), its error reasons on [another]({ERRORS}).",
        table(("service", "", "methods"), services),
        "## Calling it",
        "In Python, with the client of this distribution; each method shows the call that goes where the dots are:",
        _fence("python", CONNECT),
        "From the shell, with [grpcurl](https://github.com/fullstorydev/grpcurl); server reflection is on, so it needs"
        " no files. `-plaintext` is for a service without TLS:",
        _fence("sh", f"grpcurl -plaintext {examples.ADDRESS} list"),
        "Both want a bearer token in `TOKEN`. One for development, of an agent, comes from:",
        _fence(
            "sh",
            "export TOKEN=$(care token --org acme --agent alice)  # --home DIR for a stack elsewhere than in .care",
        ),
        "Its `roles` say what it may call; each method names those that may:",
        table(("role", ""), roles),
    )


def _methods(service: Service) -> Iterator[str]:
    return (f"[{method.name}]({page(service)}#{anchor(method.name)})" for method in service.methods)


def _service(service: Service, contract: Contract, links: Links) -> str:
    rows = [
        (f"[{method.name}](#{anchor(method.name)})", links.cell(first_sentence(method.comment)), _roles(method))
        for method in service.methods
    ]
    return _join(
        f"# {service.name}",
        links.paragraphs(service.comment),
        table(("method", "", "who"), rows),
        *(part for method in service.methods for part in _method(service, method, contract, links)),
    )


def _method(service: Service, method: Method, contract: Contract, links: Links) -> list[str]:
    what, refused = refusals(method.comment)
    return [
        f"## {method.name}",
        links.text(what),
        f"**Refusals:** {links.text(refused)}" if refused else "",
        f"**Who:** {_roles(method)}.",
        _fields("Request", contract.messages[method.request], links),
        _fields("Answer", contract.messages[method.response], links),
        _fence("python", examples.python(service, method)),
        _fence("sh", examples.grpcurl(service, method)),
    ]


def _roles(method: Method) -> str:
    return ", ".join(f"{role.lower()}s" for role in method.roles) or "everybody, without a bearer token"


def _fields(title: str, message: Message, links: Links) -> str:
    """The fields below the message's name; what its comment says beyond "Request of …" stands between them."""
    more = [words for words in [links.paragraphs(message.comment).partition(". ")[2]] if words]
    heading = " ".join([f"**{title}:** `{message.name}`.", *more])
    return f"{heading}\n\n{_field_table(message, links)}" if message.fields else f"{heading} It has no fields."


def _field_table(message: Message, links: Links) -> str:
    rows = []
    for field in message.fields:
        behavior = f"*{field.behavior}* · " if field.behavior else ""
        rows.append((f"`{field.name}`", links.type(field), behavior + links.cell(field.comment)))
    return table(("field", "type", ""), rows)


def _messages(contract: Contract, links: Links) -> str:
    shown = _reachable(contract)
    messages = [contract.messages[name] for name in sorted(shown - contract.ends) if name in contract.messages]
    enums = [contract.enums[name] for name in sorted(shown) if name in contract.enums and name != ERROR_REASON]
    return _join(
        "# Messages and enums",
        "What requests and answers are made of. Requests and answers themselves stand with their methods.",
        "**Messages:** " + ", ".join(f"[{one.name}](#{anchor(one.name)})" for one in messages),
        "**Enums:** " + ", ".join(f"[{one.name}](#{anchor(one.name)})" for one in enums),
        *(
            part
            for one in messages
            for part in (f"## {one.name}", links.paragraphs(one.comment), _field_table(one, links))
        ),
        *(part for one in enums for part in _enum(one, links)),
    )


def _message(message: Message, links: Links) -> list[str]:
    return [f"## {message.name}", links.paragraphs(message.comment), _field_table(message, links)]


def _enum(enum: Enum, links: Links) -> list[str]:
    rows = [(f"`{name}`", links.cell(comment)) for name, comment in enum.values.items()]
    return [f"## {enum.name}", links.paragraphs(enum.comment), table(("value", ""), rows)]


def _reachable(contract: Contract) -> set[str]:
    """The names of all messages and enums that some method takes or gives."""
    found: set[str] = set()
    todo = [
        name
        for service in contract.services
        for method in service.methods
        for name in (method.request, method.response)
    ]
    while todo:
        name = todo.pop()
        if name not in found and (name in contract.messages or name in contract.enums):
            found.add(name)
            todo += [field.type for field in contract.messages[name].fields] if name in contract.messages else []
    return found


def _errors(contract: Contract, links: Links) -> str:
    enum = contract.enums[ERROR_REASON]
    comments = {reason: enum.values[f"ERROR_REASON_{reason}"] for reason in error_reasons(contract)}
    codes = {reason: " ".join(comment.split()).partition(". ") for reason, comment in comments.items()}
    return _join(
        "# Errors",
        links.paragraphs(enum.comment),
        "In Python, a call of `CareClient` raises a `CareError`, or one of its subclasses:",
        _fence("python", HANDLE),
        "grpcurl prints the error's details as JSON; this is the one that says what happened:",
        _fence("json", MessageToJson(_INFO, sort_keys=True)),
        table(("reason", "code"), [(f"[{reason}](#{anchor(reason)})", code) for reason, (code, _, _) in codes.items()]),
        *(
            part
            for reason, (code, _, words) in codes.items()
            for part in (f"## {reason}", f"**{code}.** {links.text(words)}", _named_by(reason, contract, links))
        ),
    )


def _named_by(reason: str, contract: Contract, links: Links) -> str:
    methods = [
        f"[{method.name}]({page(service)}#{anchor(method.name)})"
        for service in contract.services
        for method in service.methods
        if reason in links.named_in(method.comment)
    ]
    return f"Named by {', '.join(methods)}." if methods else ""
