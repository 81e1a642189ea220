"""Runs a role as a process, configured by environment variables that start with `CARE_`.

A mistake ends the role at once with one line that names the variable and says what to do. An unknown name is a mistake,
too: otherwise, a misspelled variable would silently have no effect.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

PREFIX: Final = "CARE_"
"""The prefix of every variable except Temporal's own (``TEMPORAL_*``)."""

VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CARE_DATABASE_POOL_SIZE": "maximum number of database connections of one service process",
        "CARE_DATABASE_URL": "URL of the service's PostgreSQL database",
        "CARE_DRAIN_TIME": "how long running calls may take to finish after the service is told to stop",
        "CARE_ENVIRONMENT": "production or development; production refuses values that are meant for development",
        "CARE_GOOGLE_CREDENTIALS_FILE": "key file of the service account that replies to reviews of the site `google`",
        "CARE_GOOGLE_OVERWRITE": "yes to replace replies at Google that Care did not write; they are kept otherwise",
        "CARE_GOOGLE_URL": "base URL of Google's My Business API, if a proxy stands before it",
        "CARE_GRPC_ADDRESS": "host:port that the gRPC service listens on",
        "CARE_GRPC_PLAINTEXT": "allowed if a proxy terminates TLS for a service in production; refused otherwise",
        "CARE_GRPC_TLS_CERTIFICATE": "PEM file of the gRPC service's certificate chain",
        "CARE_GRPC_TLS_CLIENT_CA": "PEM file of the authorities whose certificates clients must have (mutual TLS)",
        "CARE_GRPC_TLS_KEY": "PEM file of the private key of the gRPC service's certificate",
        "CARE_LINK_KEYS": "keys of customers' links, id:base64url, separated by commas; the first signs new links",
        "CARE_LOG_FORMAT": "json (for machines) or console (for people)",
        "CARE_MAX_CALLS": "maximum number of concurrent calls of one service process; it refuses more",
        "CARE_MAX_CALL_TIME": "longest time that a call may take, even if its client sets a later deadline",
        "CARE_MAX_STREAMS": "maximum number of open streams of one process of the service or of the pages",
        "CARE_METRICS_ADDRESS": "host:port that serves Prometheus metrics at /metrics; unset for none",
        "CARE_MODERATION_CHECKS": "times after posting at which a reply is read again",
        "CARE_ORGANIZATION": "id of the organization that `care ticket` works in",
        "CARE_REVIEW_SITE_URL": "base URL of the local review site, which has the reviews of the site `local`",
        "CARE_SERVICE_ADDRESS": "host:port of the gRPC service",
        "CARE_SERVICE_CA": "PEM file of the service's certificate authorities, or system; unset for plaintext",
        "CARE_SERVICE_CERTIFICATE": "PEM file of the client certificate, for mutual TLS",
        "CARE_SERVICE_KEY": "PEM file of the private key of CARE_SERVICE_CERTIFICATE",
        "CARE_SERVICE_PLAINTEXT": "yes to allow sending the token to another machine unencrypted",
        "CARE_RECONCILE_INTERVAL": "how often the service looks for workflows that must run and do not",
        "CARE_SETTLE_TIME": "longest time from the start of a write until it appears at a review site",
        "CARE_SMS_ACCOUNT": "SID of the account that sends SMS",
        "CARE_SMS_AUTH_TOKEN": "auth token of that account; it also signs callbacks",
        "CARE_SMS_CALLBACK_ADDRESS": "host:port that the worker listens on for the SMS provider's callbacks",
        "CARE_SMS_CALLBACK_URL": "public base URL of CARE_SMS_CALLBACK_ADDRESS, for the SMS provider",
        "CARE_SMS_SENDER": "phone number, short code, name or messaging service that sends SMS",
        "CARE_SMS_URL": "base URL of a provider with Twilio's Messages API; if unset, SMS fail as NO_CHANNEL",
        "CARE_SMTP_ADDRESS": "host:port of the SMTP server; if unset, emails fail as NO_CHANNEL",
        "CARE_SMTP_CA": "PEM file of the SMTP server's certificate authorities, instead of the machine's",
        "CARE_SMTP_PASSWORD": "password for the SMTP server",
        "CARE_SMTP_SECURITY": "`tls`, `starttls` or `none`: how the connection to the SMTP server is encrypted",
        "CARE_SMTP_SENDER": "From address of emails to customers",
        "CARE_SMTP_USERNAME": "user name for the SMTP server, if it requires one",
        "CARE_TASK_QUEUE": "Temporal task queue of the workflows; must be the same for service and worker",
        "CARE_TOKEN": "bearer token that the worker calls the service with",
        "CARE_TOKEN_AUDIENCE": "required `aud` claim of bearer tokens: the issuer's name for this service",
        "CARE_TOKEN_CLAIMS": "names of bearer tokens' claims, if they differ from sub, org, roles and name",
        "CARE_TOKEN_FILE": "file with that token, as an alternative to CARE_TOKEN; read again when it changes",
        "CARE_TOKEN_ISSUER": "required `iss` claim of bearer tokens: their issuer",
        "CARE_TOKEN_KEY": "base64url HS256 key of at least 32 bytes that signs development tokens",
        "CARE_TOKEN_KEYS": "https:// URL or file of the JWK Set (RFC 7517) that verifies bearer tokens",
        "CARE_TOKEN_KEYS_REFRESH": "how often the service fetches CARE_TOKEN_KEYS again",
        "CARE_TOKEN_LEEWAY": "tolerated difference between the issuer's clock and ours, 0s to 300s",
        "CARE_WEBHOOK_CHANNELS": "channels whose messages the worker posts to CARE_WEBHOOK_URL: EMAIL, SMS or both",
        "CARE_WEBHOOK_SECRETS": "whsec_ secrets that sign requests to CARE_WEBHOOK_URL, separated by commas",
        "CARE_WEBHOOK_URL": "URL that receives messages, if you deliver them by a channel of your own",
        "CARE_WEB_ADDRESS": "host:port that the customer's pages listen on",
        "CARE_WEB_URL": "public base URL of the customer's pages; links to customers start with it",
        "CARE_WORKER_BUILD_ID": "build id of the worker's version; each build has its own",
        "CARE_WORKER_DEPLOYMENT": "name of the worker's Temporal deployment; unset for no worker versioning",
    }
)
"""Every variable that any role reads, with its description."""

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
"""Variables whose values no message may show. The URL of a database or a webhook can hold a password."""

_COLLECT_AFTER: Final = 10_000
"""The number of new objects after which Python's garbage collector runs. Python's default is 700, and one or two calls
of the service create that many. With this number, a write takes about a tenth less CPU time."""
EXIT_OK: Final = 0
EXIT_CONFIGURATION: Final = 2
"""The exit status for wrong usage, as in most command line programs."""


class RoleSettings(BaseModel):
    """Base class of a role's settings. Defaults are validated just as values from the environment are."""

    model_config = ConfigDict(extra="forbid", validate_default=True)


S = TypeVar("S", bound=RoleSettings)


class ConfigurationError(Exception):
    """The role cannot run with this configuration; the message is one line that says what to do."""


def load(cls: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Fills the settings class ``cls`` from ``environ`` (default: the environment of the process).

    For example, the field ``grpc_address`` gets its text from ``CARE_GRPC_ADDRESS``. The type of a field parses the
    text, even if that type is a collection (see ``care_roles.fields``). An empty variable counts as unset. Raises
    ``ConfigurationError`` if a variable is unknown, missing or invalid.
    """
    environ = os.environ if environ is None else environ
    _refuse_unknown(environ)
    names = {field: PREFIX + field.upper() for field in cls.model_fields}
    values = {field: environ[name] for field, name in names.items() if environ.get(name)}
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
    # This is outside the handler. Inside, the ValidationError, which contains the values, would become the context of
    # the new exception.
    raise ConfigurationError("; ".join(_describe(problem, names) for problem in problems))


def run(main: Callable[[], Awaitable[None]], role: str, *, ends_process: bool = False) -> int:
    """Runs ``main`` until it returns, or until SIGTERM or SIGINT arrives. Returns the exit status.

    Call this in the main thread. The first signal cancels ``main``, which stops gracefully in its ``finally`` and
    ``async with`` blocks; the status is then 0. A second signal ends the process at once. A ``ConfigurationError`` is
    printed to standard error as the line ``care {role}: …``; the status is then 2. Other exceptions are raised.

    With ``ends_process``, a successful end of ``main`` ends the process instead of returning. Roles that use Temporal's
    SDK need this. The SDK's native threads may still call into the interpreter while the interpreter shuts down, which
    sometimes aborts the process (https://github.com/temporalio/sdk-python/issues/300).
    """
    gc.set_threshold(_COLLECT_AFTER)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_until_signal(main))
    except ConfigurationError as error:
        print(f"care {role}: {error}", file=sys.stderr)  # noqa: T201  (logs may not be configured yet)
        return EXIT_CONFIGURATION
    if ends_process:
        end_process(EXIT_OK)
    return EXIT_OK


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Returns uvloop's factory if uvloop is installed. Otherwise, returns None for asyncio's own event loop.

    With uvloop, a database statement and its result take a third less CPU time.
    """
    try:
        import uvloop  # noqa: PLC0415 - not available on every system
    except ImportError:
        return None
    return uvloop.new_event_loop


def end_process(status: int) -> NoReturn:
    """Ends the process at once. Flushes logs and output, but skips the shutdown of the interpreter."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in VARIABLES)
    if not unknown:
        return
    name = unknown[0]
    # The common prefix would make all names similar.
    close = get_close_matches(name.removeprefix(PREFIX), [known.removeprefix(PREFIX) for known in VARIABLES], n=1)
    advice = f"did you mean {PREFIX}{close[0]}?" if close else f"unset it; the variables are {', '.join(VARIABLES)}"
    raise ConfigurationError(f"{name} is not a variable of Care: {advice}")


def missing(name: str) -> str:
    """Returns the error message for the unset variable ``name``, with an example value."""
    example = _EXAMPLES.get(name, "…")
    return f'{name} is missing: set it to the {VARIABLES.get(name, "value")}, such as {name}="{example}"'


def _describe(problem: ErrorDetails, names: Mapping[str, str]) -> str:
    """Returns one line that names the variable and its problem, without the value of a secret."""
    message = problem["msg"].removeprefix("Value error, ").replace("\n", " ")
    if not problem["loc"]:
        return message  # a rule about several fields, whose message names them
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
            loop.remove_signal_handler(number)  # restores the default: the next signal ends the process
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
