"""The reference in docs/api is current and complete. Its links have targets, and its examples are right."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from inspect import iscoroutine
from types import SimpleNamespace
from typing import cast

import grpc
import pytest
from google.protobuf.descriptor_pool import Default
from google.protobuf.json_format import Parse
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from care_client.client import CareClient
from care_client.errors import CareError
from tools.api_docs import examples
from tools.api_docs.__main__ import FOLDER
from tools.api_docs.contract import PACKAGE, Method, Service, load_contract
from tools.api_docs.markdown import page_name, split_errors
from tools.api_docs.reference import CONNECT, HANDLE, reference_pages
from tools.api_docs.requests import REQUESTS

CONTRACT = load_contract()
METHODS = [(service, method) for service in CONTRACT.services for method in service.methods]
IDS = [f"{service.name}.{method.name}" for service, method in METHODS]
PAGES = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}

each_method = pytest.mark.parametrize(("service", "method"), METHODS, ids=IDS)


def section(service: Service, method: Method) -> str:
    """Returns the section of a method in the committed page."""
    found = re.search(rf"^## {method.name}\n(.*?)(?=^## |\Z)", PAGES[page_name(service)], re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def code(text: str, language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(found)


def anchors(text: str) -> set[str]:
    return {heading.lower() for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def test_the_pages_agree_with_the_contract() -> None:
    assert reference_pages(CONTRACT) == PAGES, "run: make api-docs"


def test_every_example_is_for_an_existing_method() -> None:
    assert sorted(REQUESTS) == sorted(IDS)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_links_have_targets(name: str) -> None:
    text = re.sub(r"```.*?```", "", PAGES[name], flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if not target.startswith("https://"):
            file, _, anchor = target.partition("#")
            assert not anchor or anchor in anchors(PAGES[file or name]), target
            assert (file or name) in PAGES, target


@pytest.mark.parametrize("name", sorted(PAGES))
def test_rows_of_tables_are_complete(name: str) -> None:
    """Every row has as many cells as the table's header, so no comment contains a `|` that splits a cell."""
    tables = re.findall(r"^\|.*(?:\n\|.*)+", PAGES[name], re.MULTILINE)
    assert tables or name == "errors.md"
    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table


def test_every_error_reason_and_every_method_has_a_section() -> None:
    reasons = [value.removeprefix("ERROR_REASON_") for value in CONTRACT.enums[f"{PACKAGE}.ErrorReason"].values]
    assert anchors(PAGES["errors.md"]) == {reason.lower() for reason in reasons if reason != "UNSPECIFIED"} | {"errors"}
    for service in CONTRACT.services:
        headings = {service.name, *(method.name for method in service.methods)}
        assert anchors(PAGES[page_name(service)]) == {heading.lower() for heading in headings}


@each_method
def test_documented_errors_are_reasons_of_the_contract(service: Service, method: Method) -> None:
    _, errors = split_errors(method.comment)
    words = re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", errors)
    assert [
        word for word in words if f"ERROR_REASON_{word}" not in CONTRACT.enums[f"{PACKAGE}.ErrorReason"].values
    ] == []


def missing_fields(message: Message, full_name: str) -> Iterator[str]:
    """Yields the required fields that are not set, in the message and in the messages that its set fields contain."""
    for field in CONTRACT.messages[full_name].fields:
        descriptor = message.DESCRIPTOR.fields_by_name[field.name]
        present = {found.name: value for found, value in message.ListFields()}
        if field.behavior == "required" and field.name not in present:
            yield f"{full_name}.{field.name}"
        if field.type in CONTRACT.messages and field.name in present:
            value = present[field.name]
            for item in cast("list[Message]", list(value)) if descriptor.is_repeated else [value]:
                yield from missing_fields(item, field.type)


@each_method
def test_the_command_for_the_shell_is_right(service: Service, method: Method) -> None:
    command = code(section(service, method), "sh")
    assert command.endswith(f"{examples.ADDRESS} {PACKAGE}.{service.name}/{method.name}\n")
    assert ("authorization: Bearer $TOKEN" in command) == bool(method.roles)
    message = GetMessageClass(Default().FindMessageTypeByName(method.request))()
    if body := re.search(r"-d '(.*?)'", command, re.DOTALL):
        Parse(body[1], message)
        assert json.loads(body[1])
    elif CONTRACT.messages[method.request].fields:
        pytest.fail("it sends nothing")
    missing = set(missing_fields(message, method.request))
    # An item of a batch needs no `parent`, because the request of the batch has one.
    assert missing <= {"care.v1.IngestReviewRequest.parent"} if "Batch" in method.name else not missing


class Recorder:
    """Replaces a `CareClient`: has the same stubs and methods, and records the requests."""

    def __init__(self, client: CareClient, fail: Exception | None = None) -> None:
        self.requests: list[Message] = []
        self._client = client
        self._fail = fail

    def __getattr__(self, stub: str) -> SimpleNamespace:
        real = getattr(self._client, stub)
        return SimpleNamespace(**{name: self._method(name) for name in vars(real)})

    def _method(self, name: str) -> Callable[[Message], Awaitable[str]]:
        async def call(request: Message) -> str:
            self.requests.append(request)
            if self._fail:
                raise self._fail
            return f"answer of {name}"

        return call


async def run(source: str, care: object) -> dict[str, object]:
    """Runs an example unchanged, with `care` as a global name. Returns all global names afterwards."""
    names: dict[str, object] = {"care": care}
    compiled = compile(source, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(compiled, names)  # noqa: S307 - generated by this project
    if iscoroutine(running):
        await running
    return names


@each_method
async def test_the_call_in_python_is_right(service: Service, method: Method) -> None:
    async with CareClient.connect("127.0.0.1:1") as client:
        care = Recorder(client)
        names = await run(code(section(service, method), "python"), care)
    assert names["response"] == f"answer of {method.name}"
    assert care.requests == [examples.request(service, method)]


def test_the_program_around_the_calls_is_right() -> None:
    assert f"```python\n{CONNECT}\n```" in PAGES["README.md"]
    source = CONNECT.replace("asyncio.run(main())", "")
    names: dict[str, object] = {}
    exec(compile(source, "example", "exec"), names)  # noqa: S102 - generated by this project
    assert names["CareClient"] is CareClient


async def test_the_handling_of_errors_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert f"```python\n{HANDLE}\n```" in PAGES["errors.md"]
    error = CareError(grpc.StatusCode.FAILED_PRECONDITION, "UNASSIGNED", metadata={"ticket": "…"})
    async with CareClient.connect("127.0.0.1:1") as client:
        await run(HANDLE, Recorder(client, error))
    assert capsys.readouterr().out == "FAILED_PRECONDITION UNASSIGNED {'ticket': '…'}\n"
