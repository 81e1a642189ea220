"""A role as a process: its configuration from environment variables that start with `CARE_`, and its run to the end.

A mistake ends the role at once with one line that names the variable and says what to do. A name that is not known is
a mistake too: a misspelt variable would otherwise leave its default in force, unnoticed.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final, NoReturn, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, InitSettingsSource

PREFIX: Final = "CARE_"
"""What the names of all variables start with, Temporal's own (``TEMPORAL_*``) excepted."""

VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CARE_DATABASE_POOL_SIZE": "how many database connections one process of the service opens at most",
        "CARE_DATABASE_URL": "URL of the service's PostgreSQL database",
        "CARE_DRAIN_TIME": "how long calls under way may take to end when the service is told to stop",
        "CARE_ENVIRONMENT": "production, where nothing that is meant for development is taken, or development",
        "CARE_GOOGLE_CREDENTIALS_FILE": "JSON key of the service account that replies to reviews of the site `google`",
        "CARE_GOOGLE_OVERWRITE": "yes where replies at Google that Care did not write are replaced, instead of kept",
        "CARE_GOOGLE_URL": "base URL of Google's My Business API, where it is reached another way than directly",
        "CARE_GRPC_ADDRESS": "host:port that the gRPC service listens on",
        "CARE_GRPC_PLAINTEXT": "allowed where a proxy beside a service in production does TLS for it, or refused",
        "CARE_GRPC_TLS_CERTIFICATE": "PEM file of the gRPC service's certificate chain",
        "CARE_GRPC_TLS_CLIENT_CA": "PEM file of the authorities whose certificates clients must have (mutual TLS)",
        "CARE_GRPC_TLS_KEY": "PEM file of the private key of the gRPC service's certificate",
        "CARE_LINK_KEYS": "keys of the links to customers, id:base64url, separated by commas; the first makes new ones",
        "CARE_LOG_FORMAT": "json for machines or console for people",
        "CARE_MAX_CALLS": "how many calls one process of the service serves at a time; more are refused",
        "CARE_MAX_CALL_TIME": "how long a call may take, whatever deadline its client gives",
        "CARE_MAX_STREAMS": "how many streams one process, of the service or of the pages, has open at a time",
        "CARE_METRICS_ADDRESS": "host:port that answers Prometheus, at /metrics; unset for none",
        "CARE_MODERATION_CHECKS": "durations after posting at which a reply is read again",
        "CARE_ORGANIZATION": "id of the organization that `care ticket` works in",
        "CARE_REVIEW_SITE_URL": "base URL of the local review site, where replies to reviews of the site `local` go",
        "CARE_SERVICE_ADDRESS": "host:port where the gRPC service is reached",
        "CARE_SERVICE_CA": "PEM file of the authorities that vouch for the service, or system; plaintext without",
        "CARE_SERVICE_CERTIFICATE": "PEM file of the certificate that is shown to the service, for mutual TLS",
        "CARE_SERVICE_KEY": "PEM file of that certificate's private key",
        "CARE_SERVICE_PLAINTEXT": "yes where the token may go to another machine unencrypted",
        "CARE_RECONCILE_INTERVAL": "how often workflows that must run and do not are looked for",
        "CARE_SETTLE_TIME": "how long after it was begun a write may appear at a review site at the latest",
        "CARE_SMS_ACCOUNT": "SID of the account that sends SMS",
        "CARE_SMS_AUTH_TOKEN": "the account's auth token, which callbacks are signed with, too",
        "CARE_SMS_CALLBACK_ADDRESS": "host:port that the worker takes the SMS provider's callbacks at",
        "CARE_SMS_CALLBACK_URL": "public base URL of that listener, for the SMS provider",
        "CARE_SMS_SENDER": "phone number, short code, name or messaging service that SMS are from",
        "CARE_SMS_URL": "base URL of a provider with Twilio's Messages API; without it SMS fail as NO_CHANNEL",
        "CARE_SMTP_ADDRESS": "host:port of the server that sends email; without it emails fail as NO_CHANNEL",
        "CARE_SMTP_CA": "PEM file of the authorities that vouch for that server, instead of those the machine trusts",
        "CARE_SMTP_PASSWORD": "password for the server that sends email",
        "CARE_SMTP_SECURITY": "`tls`, `starttls` or `none`: how the server that sends email is spoken to",
        "CARE_SMTP_SENDER": "address that emails to customers are from",
        "CARE_SMTP_USERNAME": "user name for the server that sends email, where it wants one",
        "CARE_TASK_QUEUE": "Temporal task queue of the workflows; the same for service and worker",
        "CARE_TOKEN": "bearer token that the worker calls the service with",
        "CARE_TOKEN_AUDIENCE": "the aud that bearer tokens must have: this service, as their issuer calls it",
        "CARE_TOKEN_CLAIMS": "names of the claims of bearer tokens, where they are not sub, org, roles and name",
        "CARE_TOKEN_FILE": "file of that token instead, read again when it changes",
        "CARE_TOKEN_ISSUER": "the iss that bearer tokens must have: who issues them",
        "CARE_TOKEN_KEY": "base64url HS256 key of at least 32 bytes that development's bearer tokens are signed with",
        "CARE_TOKEN_KEYS": "https:// URL or file of the JWK Set (RFC 7517) that bearer tokens are signed with",
        "CARE_TOKEN_KEYS_REFRESH": "how often CARE_TOKEN_KEYS is fetched again",
        "CARE_TOKEN_LEEWAY": "how far the clock of the tokens' issuer may be from ours, 0s to 300s",
        "CARE_WEBHOOK_CHANNELS": "channels whose messages are posted to CARE_WEBHOOK_URL: EMAIL, SMS or both",
        "CARE_WEBHOOK_SECRETS": "whsec_ secrets that those posts are signed with, separated by commas",
        "CARE_WEBHOOK_URL": "URL that messages are posted to, where a channel of your own carries them",
        "CARE_WEB_ADDRESS": "host:port that the customer's pages listen on",
        "CARE_WEB_URL": "public base URL of the customer's pages, which links to customers start with",
        "CARE_WORKER_BUILD_ID": "what the worker's version is called, another one for each build",
        "CARE_WORKER_DEPLOYMENT": "Temporal worker deployment that the worker belongs to; unset for no versioning",
    }
)
"""Every variable that any role knows, with what it is."""

_EXAMPLES: Final[Mapping[str, str]] = {
    "CARE_DATABASE_POOL_SIZE": "20",
    "CARE_DATABASE_URL": "postgresql://care@127.0.0.1:5432/care",
    "CARE_DRAIN_TIME": "10s",
    "CARE_ENVIRONMENT": "production",
    "CARE_GOOGLE_CREDENTIALS_FILE": "/run/secrets/google.json",
    "CARE_GOOGLE_OVERWRITE": "yes",
    "CARE_GOOGLE_URL": "https://mybusiness.googleapis.com",
    "CARE_GRPC_ADDRESS": "127.0.0.1:50051",
    "CARE_GRPC_PLAINTEXT": "allowed",
    "CARE_GRPC_TLS_CERTIFICATE": "/etc/care/tls.crt",
    "CARE_GRPC_TLS_CLIENT_CA": "/etc/care/clients.crt",
    "CARE_GRPC_TLS_KEY": "/etc/care/tls.key",
    "CARE_LINK_KEYS": """k1:$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')""",
    "CARE_LOG_FORMAT": "console",
    "CARE_MAX_CALLS": "1000",
    "CARE_MAX_CALL_TIME": "30s",
    "CARE_MAX_STREAMS": "10000",
    "CARE_METRICS_ADDRESS": "127.0.0.1:9464",
    "CARE_MODERATION_CHECKS": "10m,1h,1d,3d",
    "CARE_ORGANIZATION": "acme",
    "CARE_REVIEW_SITE_URL": "http://127.0.0.1:8090",
    "CARE_SERVICE_ADDRESS": "127.0.0.1:50051",
    "CARE_SERVICE_CA": "/etc/care/ca.pem",
    "CARE_SERVICE_CERTIFICATE": "/etc/care/client.pem",
    "CARE_SERVICE_KEY": "/etc/care/client.key",
    "CARE_SERVICE_PLAINTEXT": "yes",
    "CARE_RECONCILE_INTERVAL": "5m",
    "CARE_SETTLE_TIME": "1m",
    "CARE_SMS_ACCOUNT": "AC…",
    "CARE_SMS_AUTH_TOKEN": "…",
    "CARE_SMS_CALLBACK_ADDRESS": "0.0.0.0:8081",
    "CARE_SMS_CALLBACK_URL": "https://callbacks.example.com",
    "CARE_SMS_SENDER": "+15005550006",
    "CARE_SMS_URL": "https://api.twilio.com",
    "CARE_SMTP_ADDRESS": "smtp.example.com:587",
    "CARE_SMTP_CA": "/etc/care/mail-ca.pem",
    "CARE_SMTP_PASSWORD": "…",
    "CARE_SMTP_SECURITY": "starttls",
    "CARE_SMTP_SENDER": "care@example.com",
    "CARE_SMTP_USERNAME": "care",
    "CARE_TASK_QUEUE": "care",
    "CARE_TOKEN": "$(care token --role worker)",
    "CARE_TOKEN_AUDIENCE": "care",
    "CARE_TOKEN_CLAIMS": "org=https://example.com/org,roles=groups",
    "CARE_TOKEN_FILE": "/run/secrets/care-token",
    "CARE_TOKEN_ISSUER": "https://login.example.com",
    "CARE_TOKEN_KEY": """$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')""",
    "CARE_TOKEN_KEYS": "https://login.example.com/.well-known/jwks.json",
    "CARE_TOKEN_KEYS_REFRESH": "5m",
    "CARE_TOKEN_LEEWAY": "30s",
    "CARE_WEBHOOK_CHANNELS": "SMS",
    "CARE_WEBHOOK_SECRETS": "whsec_$(openssl rand -base64 32)",
    "CARE_WEBHOOK_URL": "https://example.com/messages",
    "CARE_WEB_ADDRESS": "127.0.0.1:8080",
    "CARE_WEB_URL": "http://127.0.0.1:8080",
    "CARE_WORKER_BUILD_ID": "2026-11-23.1",
    "CARE_WORKER_DEPLOYMENT": "care",
}

_SECRETS: Final = frozenset(
    {
        *("CARE_DATABASE_URL", "CARE_LINK_KEYS", "CARE_TOKEN", "CARE_TOKEN_KEY"),
        *("CARE_SMS_AUTH_TOKEN", "CARE_SMTP_PASSWORD", "CARE_WEBHOOK_SECRETS", "CARE_WEBHOOK_URL"),
    }
)
"""Variables whose values no message may show; a database's or a webhook's URL can hold a password."""

EXIT_OK: Final = 0
EXIT_CONFIGURATION: Final = 2
"""The status of wrong usage, as of most command line programs."""

S = TypeVar("S", bound=BaseSettings)


class ConfigurationError(Exception):
    """The role cannot run with this configuration; the message is one line that says what to do."""


def load(cls: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Fill the settings class ``cls`` from ``environ``, by default the process's own environment.

    The field ``grpc_address`` is read from ``CARE_GRPC_ADDRESS`` as plain text, also where its type is a collection
    (see ``care_roles.fields``). An empty variable counts as unset. Other sources of pydantic-settings, such as
    files, are not asked. Raises ``ConfigurationError``.
    """
    environ = os.environ if environ is None else environ
    _refuse_unknown(environ)
    names = {field: PREFIX + field.upper() for field in cls.model_fields}
    values = {field: environ[name] for field, name in names.items() if environ.get(name)}
    # Not pydantic-settings' own source: it reads no other mapping, and takes collections for JSON.
    source = InitSettingsSource(cls, init_kwargs=values)
    try:
        return cls(_build_sources=((source,), {}))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
    # Raised out here: the ValidationError, which holds the values, is not kept as the context of ours.
    raise ConfigurationError("; ".join(_describe(problem, names) for problem in problems))


def run(main: Callable[[], Awaitable[None]], role: str, *, ends_process: bool = False) -> int:
    """Run ``main`` until it returns or SIGTERM or SIGINT comes, and return the exit status; for the main thread only.

    The first signal cancels ``main``, which stops gracefully in its ``finally`` and ``async with`` blocks; then the
    status is 0. A second signal ends the process at once. A ``ConfigurationError`` is printed to standard error as the
    line ``care {role}: …``; then the status is 2. Other exceptions are raised.

    With ``ends_process`` the process is over where ``main`` ended well, instead of a return. For roles that use
    Temporal's SDK: its native threads may still call into the interpreter while that is torn down, which aborts the
    process now and then (https://github.com/temporalio/sdk-python/issues/300).
    """
    try:
        asyncio.run(_until_signal(main))
    except ConfigurationError as error:
        print(f"care {role}: {error}", file=sys.stderr)  # noqa: T201  (logs may not be configured yet)
        return EXIT_CONFIGURATION
    if ends_process:
        end_process(EXIT_OK)
    return EXIT_OK


def end_process(status: int) -> NoReturn:
    """End the process at once, with what was logged and printed, but without tearing the interpreter down."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in VARIABLES)
    if not unknown:
        return
    name = unknown[0]
    # Without the prefix, which would make all names alike.
    close = get_close_matches(name.removeprefix(PREFIX), [known.removeprefix(PREFIX) for known in VARIABLES], n=1)
    advice = f"did you mean {PREFIX}{close[0]}?" if close else f"unset it; known are {', '.join(VARIABLES)}"
    raise ConfigurationError(f"{name} is no variable of Care: {advice}")


def missing(name: str) -> str:
    """Say that the variable ``name`` has to be set, and to what."""
    example = _EXAMPLES.get(name, "…")
    return f'{name} is missing: set it to the {VARIABLES.get(name, "value")}, such as {name}="{example}"'


def _describe(problem: ErrorDetails, names: Mapping[str, str]) -> str:
    """Say in one line what is wrong with which variable, without the value of a secret."""
    message = problem["msg"].removeprefix("Value error, ").replace("\n", " ")
    if not problem["loc"]:
        return message  # of a rule about several fields, which names them itself
    name = names.get(str(problem["loc"][0]), str(problem["loc"][0]))
    if problem["type"] == "missing":
        return missing(name)
    value = problem["input"]
    if name in _SECRETS or not isinstance(value, str) or "@" in value:  # as in http://user:password@host
        return f"{name} {_lower_first(message)}"
    return f"{name} {_lower_first(message)}; it is {value!r}"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


async def _until_signal(main: Callable[[], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main())
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)  # back to the system's default: the next one ends the process
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
