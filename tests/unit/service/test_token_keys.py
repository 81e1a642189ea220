"""Which keys of a JWK Set verify which tokens: the algorithm follows from the key, never from the token."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from care_rules.refusals import Reason, Refusal
from care_service.tokens.keys import BadDocumentError, KeySet, development_key, read_key_set
from care_service.tokens.rules import TokenRules
from care_service.tokens.verification import UnknownKeyError, Verifier
from tests.support.issuer import ALGORITHMS, AUDIENCE, ISSUER, jwk, private_key, sign

RULES = TokenRules(ISSUER, AUDIENCE)


def keys_of(*members: object) -> KeySet:
    return read_key_set(json.dumps({"keys": members}).encode())[0]


def ignored_reasons(member: object) -> list[str]:
    """Checks that a member of a key set gives no key. Returns the reasons why it is ignored."""
    keys, reasons = read_key_set(json.dumps({"keys": [member]}).encode())
    assert keys == KeySet()
    return reasons


def verifier(*members: object, secret: bytes | None = None) -> Verifier:
    return Verifier(keys_of(*members), development_key(secret) if secret else None, RULES)


def invalid(found: Verifier, token: str) -> dict[str, str]:
    """Returns the metadata of the refusal of a token."""
    with pytest.raises(Refusal) as caught:
        found.verify(token)
    assert caught.value.reason is Reason.TOKEN_INVALID
    return dict(caught.value.metadata)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_is_verified_by_the_key_that_it_names(algorithm: str) -> None:
    ours, other = private_key(algorithm), private_key(algorithm, 1)
    found = verifier(jwk(other, kid="b", alg=algorithm), jwk(ours, kid="a", alg=algorithm))
    assert found.verify(sign(ours, algorithm, "a")).caller.id == "alice"
    assert invalid(found, sign(other, algorithm, "a")) == {}
    with pytest.raises(UnknownKeyError):
        found.verify(sign(ours, algorithm, "c"))


@pytest.mark.parametrize(
    ("algorithm", "usual"),
    [("RS256", "RS256"), ("ES256", "ES256"), ("ES384", "ES384"), ("ES512", "ES512"), ("EdDSA", "EdDSA")],
)
def test_a_key_without_an_algorithm_has_the_default_of_its_type(algorithm: str, usual: str) -> None:
    [key] = keys_of(jwk(private_key(algorithm), kid="a", alg=None)).keys
    assert key.algorithm == usual


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512"])
def test_a_key_is_used_with_its_own_algorithm_only(algorithm: str) -> None:
    key = private_key("RS256")
    assert invalid(verifier(jwk(key, kid="a", alg="RS256")), sign(key, algorithm, "a")) == {}


def forge(header: dict[str, str], secret: bytes) -> str:
    """Returns a token with an HMAC. The secret may be public, for which libraries refuse to create a token."""
    _, claims, _ = sign(private_key("ES256"), "ES256", None).split(".")
    signed = f"{urlsafe_b64encode(json.dumps(header).encode()).rstrip(b'=').decode()}.{claims}"
    mac = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("key_id", [None, "a"])
def test_a_public_key_is_not_used_as_the_secret_of_an_hmac(algorithm: str, key_id: str | None) -> None:
    key = private_key(algorithm)
    public = key.public_key()
    member = jwk(key, kid="a")
    header = {"alg": "HS256", "typ": "JWT"} | ({"kid": key_id} if key_id else {})
    for found in (verifier(member), verifier(member, secret=b"s" * 32)):
        for secret in (
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            json.dumps(member).encode(),
            member.get("n", member.get("x", "")).encode(),
            b"",
        ):
            assert invalid(found, forge(header, secret)) == {}


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS512", "ES256K", "RS1", ""])
def test_no_other_algorithm_is_taken_from_the_header(algorithm: str) -> None:
    found = verifier(jwk(private_key("RS256"), kid="a"), secret=b"s" * 32)
    for header in ({"alg": algorithm, "kid": "a"}, {"alg": algorithm}):
        token = forge(header, b"s" * 32)
        assert invalid(found, token) == {}
        assert invalid(found, f"{token.rpartition('.')[0]}.") == {}


def test_the_development_key_verifies_tokens_that_name_no_key() -> None:
    member = jwk(private_key("ES256"), kid="a")
    token = forge({"alg": "HS256", "typ": "JWT"}, b"s" * 32)
    assert verifier(member, secret=b"s" * 32).verify(token).caller.id == "alice"
    assert invalid(verifier(member), token) == {}
    with pytest.raises(UnknownKeyError):
        verifier(secret=b"s" * 32).verify(forge({"alg": "HS256", "kid": "b"}, b"s" * 32))


def test_a_token_must_name_its_key_only_if_there_are_several() -> None:
    one, two = private_key("ES256"), private_key("ES256", 1)
    token = sign(one, "ES256", None)
    assert verifier(jwk(one)).verify(token).caller.id == "alice"
    assert verifier(jwk(one, kid="a")).verify(token).caller.id == "alice"
    assert verifier(jwk(one, kid="a"), secret=b"s" * 32).verify(token).caller.id == "alice"
    for found in (verifier(jwk(one, kid="a"), jwk(two, kid="b")), verifier(jwk(one), jwk(two)), verifier()):
        with pytest.raises(UnknownKeyError):
            found.verify(token)


def test_two_keys_may_share_an_id() -> None:
    # RFC 7517, section 4.5, allows this for alternatives of different types.
    found = verifier(jwk(private_key("RS256"), kid="a"), jwk(private_key("ES256"), kid="a"))
    for algorithm in ("RS256", "ES256"):
        assert found.verify(sign(private_key(algorithm), algorithm, "a")).caller.id == "alice"
    assert invalid(found, sign(private_key("ES256", 1), "ES256", "a")) == {}


def test_issuer_and_audience_are_checked_and_named() -> None:
    key = private_key("ES256")
    found = verifier(jwk(key, kid="a"))
    for claims, claim in (
        ({"iss": None}, "iss"),
        ({"iss": "https://login.example.com/"}, "iss"),
        ({"aud": None}, "aud"),
        ({"aud": "Care"}, "aud"),
        ({"aud": ["crm", "desk"]}, "aud"),
        ({"aud": []}, "aud"),
    ):
        assert invalid(found, sign(key, "ES256", "a", **claims)) == {"claim": claim}, claims
    assert found.verify(sign(key, "ES256", "a", aud=["crm", AUDIENCE])).caller.id == "alice"
    anyones = Verifier(keys_of(jwk(key, kid="a")), None, TokenRules())
    assert anyones.verify(sign(key, "ES256", "a", iss=None, aud="crm")).caller.id == "alice"


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("text", "number 1: it is not a JSON object"),
        ({"kty": "oct", "k": "AAAA", "kid": "a"}, "a: it is symmetric"),
        (jwk(private_key("ES256"), kid="a", d="AAAA"), "a: it is private"),
        (jwk(ec.generate_private_key(ec.SECP256K1()), kid="a"), "a: its type or curve"),
        (jwk(private_key("EdDSA"), kid="a", crv="X25519"), "a: its type or curve"),
        ({"kid": "a"}, "a: its type or curve"),
        (jwk(private_key("ES256"), kid="a", kty=["EC"]), "a: its type or curve"),
        (jwk(private_key("RS256"), kid="a", alg="HS256"), "a: its alg"),
        (jwk(private_key("RS256"), kid="a", alg="none"), "a: its alg"),
        (jwk(private_key("ES256"), kid="a", alg="ES384"), "a: its alg"),
        (jwk(private_key("RS256"), kid="a", n=None), "a: its key parameters"),
        (jwk(private_key("ES256"), kid="a", x="AAAA"), "a: its key parameters"),
        (jwk(private_key("RS256"), kid=7), "number 1: its kid"),
        (jwk(rsa.generate_private_key(65537, 1024), kid="a"), "a: it has 1024 bits"),  # noqa: S505 - the test needs a weak key
    ],
)
def test_an_unusable_key_is_ignored_with_the_reason(member: object, reason: str) -> None:
    [said] = ignored_reasons(member)
    assert said.startswith(reason)


@pytest.mark.parametrize("members", [{"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": []}])
def test_a_key_for_another_use_is_ignored_silently(members: dict[str, Any]) -> None:
    assert ignored_reasons(jwk(private_key("RS256"), kid="a", **members)) == []


def test_an_unreadable_key_does_not_affect_the_others() -> None:
    keys, reasons = read_key_set(json.dumps({"keys": [{"kty": "oct"}, jwk(private_key("EdDSA"), kid="b")]}).encode())
    assert (keys.ids, len(reasons)) == (["b"], 1)


@pytest.mark.parametrize("document", [b"", b"<html>", b"[]", b"7", b"{}", b'{"keys": {}}', b"\xff", b"[" * 100_000])
def test_a_text_that_is_not_a_key_set_is_refused(document: bytes) -> None:
    with pytest.raises(BadDocumentError, match=r"JSON|JWK Set"):
        read_key_set(document)


def test_sets_are_equal_if_they_accept_the_same_tokens() -> None:
    one = jwk(private_key("RS256"), kid="a")
    assert keys_of(one) == keys_of(one | {"use": "sig", "x5t": "AAAA"}) == keys_of(one, one)
    for member in (one | {"kid": "b"}, one | {"alg": "PS256"}, jwk(private_key("RS256", 1), kid="a")):
        assert keys_of(one) != keys_of(member)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@given(
    st.sampled_from(["RS256", "ES256", "EdDSA"]),
    st.dictionaries(st.sampled_from(["kty", "kid", "alg", "use", "key_ops", "crv", "n", "e", "x", "y", "d"]), JSON),
)
def test_a_set_with_any_member_can_be_read(algorithm: str, members: dict[str, Any]) -> None:
    keys, reasons = read_key_set(json.dumps({"keys": [jwk(private_key(algorithm)) | members]}).encode())
    assert len(keys.keys) + len(reasons) <= 1
    for key in keys.keys:
        assert key.algorithm in ALGORITHMS


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5u"]), JSON), JSON)
def test_any_token_without_a_valid_signature_is_refused(header: dict[str, Any], claims: object) -> None:
    found = verifier(jwk(private_key("ES256"), kid="a"), secret=b"s" * 32)
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    with pytest.raises((Refusal, UnknownKeyError)) as caught:
        found.verify(f"{parts[0]}.{parts[1]}.AAAA")
    if isinstance(caught.value, Refusal):
        assert caught.value.reason is Reason.TOKEN_INVALID
