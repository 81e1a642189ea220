"""Types of settings: the values that they accept. Each error says what to write instead."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from care_roles.fields import (
    Address,
    BaseUrl,
    Duration,
    Durations,
    EndpointUrl,
    ListenAddress,
    ServiceAddress,
)

LISTEN: TypeAdapter[Address] = TypeAdapter(ListenAddress)
SERVICE: TypeAdapter[Address] = TypeAdapter(ServiceAddress)
URL: TypeAdapter[str] = TypeAdapter(BaseUrl)
ENDPOINT: TypeAdapter[str] = TypeAdapter(EndpointUrl)
DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)
DURATIONS: TypeAdapter[tuple[timedelta, ...]] = TypeAdapter(Durations)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:50051", "127.0.0.1", 50051),
        ("0.0.0.0:0", "0.0.0.0", 0),  # noqa: S104
        ("care.internal:65535", "care.internal", 65535),
        ("[::1]:8080", "::1", 8080),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    address = LISTEN.validate_python(text)
    assert (address.host, address.port) == (host, port)
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    ["", "50051", ":50051", "host", "host:", "host:x", "host:-1", "host:65536", "::1:80", "http://host:80", "a b:1"],
)
def test_error_of_a_wrong_address_shows_a_right_one(text: str) -> None:
    with pytest.raises(ValidationError, match=r"such as 127\.0\.0\.1:50051"):
        LISTEN.validate_python(text)


def test_port_of_the_service_is_not_0() -> None:
    with pytest.raises(ValidationError, match="port from 1 to 65535"):
        SERVICE.validate_python("127.0.0.1:0")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://care.example/", "https://care.example"),
        ("https://example.org/care/", "https://example.org/care"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_base_urls(text: str, url: str) -> None:
    assert URL.validate_python(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "care.example",
        "ftp://care.example",
        "http://",
        "http://h:x",
        "http://h:0",
        "http://a b",
        "http://u:p@h",
        "http://h?x=1",
        "http://h#x",
    ],
)
def test_error_of_a_wrong_base_url_shows_a_right_one(text: str) -> None:
    with pytest.raises(ValidationError, match=r"such as http://127\.0\.0\.1:8080"):
        URL.validate_python(text)


@pytest.mark.parametrize("text", ["https://example.com", "http://127.0.0.1:8080/hook/", "https://example.com/?a=b"])
def test_endpoint_urls_are_kept_as_they_are(text: str) -> None:
    assert ENDPOINT.validate_python(text) == text


@pytest.mark.parametrize(
    "text", ["", "/hook", "ftp://h/hook", "http://h:0/", "http://u:p@h/", "http://h/#x", "http://h/ x"]
)
def test_error_of_a_wrong_endpoint_url_shows_a_right_one(text: str) -> None:
    with pytest.raises(ValidationError, match=r"such as http://127\.0\.0\.1:8080"):
        ENDPOINT.validate_python(text)


def test_durations() -> None:
    found = DURATIONS.validate_python("30s, 10m,1h,3d")
    assert found == (timedelta(seconds=30), timedelta(minutes=10), timedelta(hours=1), timedelta(days=3))


@pytest.mark.parametrize(
    "text", ["", "10", "10 m", "m", "1h,", "1w", "-1h", "1.5h", "0s", "1h,10m", "1h,60m", "9999999d"]
)
def test_error_of_wrong_durations_shows_right_ones(text: str) -> None:
    with pytest.raises(ValidationError, match="such as 10m,1h,1d"):
        DURATIONS.validate_python(text)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1m", 60), (" 2h ", 7200), ("1d", 86400)])
def test_one_duration(text: str, seconds: int) -> None:
    assert DURATION.validate_python(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "60", "0s", "-1m", "1m,2m", "1w"])
def test_error_of_a_wrong_duration_shows_a_right_one(text: str) -> None:
    with pytest.raises(ValidationError, match="such as 90s or 1m"):
        DURATION.validate_python(text)
