"""Signatures of callbacks: the examples that Twilio publishes for its libraries, and wrong signatures."""

import pytest

from care_workflows.channels.sms_signature import is_signed

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FIELDS = [
    ("To", "+18005551212"),
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("Caller", "+14158675309"),
]
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_the_published_example() -> None:
    assert is_signed(TOKEN, URL, FIELDS, SIGNATURE)


def test_the_published_example_of_repeated_fields() -> None:
    fields = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]
    assert is_signed(TOKEN, URL, fields, "IK+Dwps556ElfBT0I3Rgjkr1wJU=")


@pytest.mark.parametrize(
    "spelling", ["https://mycompany.com:443/myapp.php?foo=1&bar=2", "https://mycompany.com:8443/myapp.php?foo=1&bar=2"]
)
def test_a_port_may_be_signed_or_not(spelling: str) -> None:
    assert is_signed(TOKEN, spelling, FIELDS, SIGNATURE)


@pytest.mark.parametrize("signature", ["", "=", "RSOYDt4T1cUTdK1PDd93/VVr8B9=", SIGNATURE.lower(), "é", "x" * 10_000])
def test_a_wrong_signature_is_rejected(signature: str) -> None:
    assert not is_signed(TOKEN, URL, FIELDS, signature)


@pytest.mark.parametrize(
    ("token", "url", "fields"),
    [
        ("12346", URL, FIELDS),
        (TOKEN, URL + "3", FIELDS),
        (TOKEN, URL.replace("https", "http"), FIELDS),
        (TOKEN, URL, FIELDS[1:]),
        (TOKEN, URL, [*FIELDS, ("More", "")]),
        (TOKEN, URL, [("To", "+18005551213"), *FIELDS[1:]]),
    ],
)
def test_a_signature_is_for_its_token_url_and_fields(token: str, url: str, fields: list[tuple[str, str]]) -> None:
    assert not is_signed(token, url, fields, SIGNATURE)
