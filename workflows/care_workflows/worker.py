"""The role `care work`: a Temporal worker with Care's workflows, and the channels that are configured."""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import Final, Self

from pydantic import Field, model_validator
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError
from temporalio.worker import Worker

from care.v1.worker_service_pb2 import CheckRecoveryRequest
from care_client.client import CareClient
from care_client.errors import CareError, PermissionDenied, Unauthenticated
from care_roles import environment, http_server, logs, tracing
from care_roles.fields import Address, BaseUrl, ListenAddress, LogFormat
from care_roles.service import AuthorizedConnection
from care_roles.temporal import connect_config
from care_workflows import callbacks, search_attributes
from care_workflows.channel_settings import GoogleSettings, SmsSettings, SmtpSettings, WebhookSettings, require_one_way
from care_workflows.channels.local_site import LocalReviewSite
from care_workflows.channels.messenger import Messenger
from care_workflows.channels.registry import Messengers, ReviewSites
from care_workflows.channels.review_site import ReviewSite
from care_workflows.channels.sms import TwilioSms
from care_workflows.channels.smtp import SmtpEmail
from care_workflows.channels.webhook import SignedWebhook
from care_workflows.plugin import CarePlugin
from care_workflows.versions import VersionSettings

LOCAL_SITE: Final = "local"
"""Name of the local review site in ``Review.site``."""

GOOGLE_SITE: Final = "google"
"""Name of Google Business Profile in ``Review.site``."""

_NO_RECOVERY: Final = "organizations/none/tickets/1/recoveries/00000000-0000-4000-8000-000000000000"
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0

_log = logs.get_logger(__name__)


class WorkerSettings(GoogleSettings, SmtpSettings, SmsSettings, WebhookSettings, VersionSettings, AuthorizedConnection):
    """What the role reads from the environment; Temporal's own variables come on top."""

    review_site_url: BaseUrl | None = None
    task_queue: str = Field("care", min_length=1)
    metrics_address: ListenAddress | None = None
    log_format: LogFormat = "json"

    @model_validator(mode="after")
    def _require_one_way(self) -> Self:
        served = {"EMAIL": "CARE_SMTP_ADDRESS"} if self.smtp_address else {}
        require_one_way(self.webhook_channels, served | ({"SMS": "CARE_SMS_URL"} if self.sms_url else {}))
        return self

    @model_validator(mode="after")
    def _require_token(self) -> Self:
        if self.token_source is None:
            raise ValueError(f"{environment.missing('CARE_TOKEN')}, or set CARE_TOKEN_FILE")
        return self


def main() -> int:
    """Run the worker until SIGTERM or SIGINT; returns the exit status."""
    return environment.run(_work, role="work", ends_process=True)


async def _work() -> None:
    settings = environment.load(WorkerSettings)
    logs.configure(settings.log_format)
    with tracing.recording("care-work"):
        await _work_as(settings)


async def _work_as(settings: WorkerSettings) -> None:
    client = await _connect(_runtime(settings.metrics_address))
    for command in await search_attributes.register(client):
        _log.warning("a search attribute is not registered: recoveries are not found by it", to_do=command)
    async with AsyncExitStack() as stack:
        sites: dict[str, ReviewSite] = {}
        if settings.review_site_url:
            sites[LOCAL_SITE] = await stack.enter_async_context(LocalReviewSite(settings.review_site_url))
        if google := settings.google:
            sites[GOOGLE_SITE] = await stack.enter_async_context(google)
        if not sites:
            to_do = "set CARE_GOOGLE_CREDENTIALS_FILE or CARE_REVIEW_SITE_URL"
            _log.warning("no review site: replies will be refused as NOT_PERMITTED", to_do=to_do)
        care = await stack.enter_async_context(settings.connect(user_agent="care-work"))
        await _require_token(care)
        messengers = Messengers(await _messengers(settings, stack))
        plugin = CarePlugin(care, ReviewSites(sites), messengers)
        listening: Awaitable[None] | None = None
        if settings.sms is not None and settings.sms_callback_address is not None:
            listener = http_server.listen(settings.sms_callback_address, "CARE_SMS_CALLBACK_ADDRESS")
            app = callbacks.create_app(client, settings.sms)
            listening = asyncio.shield(await stack.enter_async_context(http_server.serving(app, listener)))
            _log.info("taking callbacks", address=str(Address(*listener.getsockname()[:2])))
        deployment = settings.deployment_config
        await stack.enter_async_context(
            Worker(client, task_queue=settings.task_queue, plugins=[plugin], deployment_config=deployment)
        )
        version = deployment.version.to_canonical_string() if deployment else None
        _log.info(
            "worker ready",
            task_queue=settings.task_queue,
            namespace=client.namespace,
            sites=sorted(sites),
            version=version,
        )
        await (listening or asyncio.Event().wait())  # until `run` cancels


async def _messengers(settings: WorkerSettings, stack: AsyncExitStack) -> dict[str, Messenger]:
    """Return the ways to customers; those that keep connections are closed by ``stack``."""
    messengers: dict[str, Messenger] = {}
    if settings.smtp_server is not None:
        messengers["EMAIL"] = SmtpEmail(settings.smtp_server)
    if settings.sms is not None:
        messengers["SMS"] = await stack.enter_async_context(TwilioSms(settings.sms))
    if settings.webhook is not None:
        for channel in settings.webhook_channels:
            messengers[channel] = await stack.enter_async_context(SignedWebhook(settings.webhook, channel))
    for channel, variable in {"EMAIL": "CARE_SMTP_ADDRESS", "SMS": "CARE_SMS_URL"}.items():
        if channel not in messengers:
            to_do = f"set {variable} or CARE_WEBHOOK_URL"
            _log.warning("no way to customers: their messages will fail as NO_CHANNEL", channel=channel, to_do=to_do)
    return messengers


async def _require_token(care: CareClient) -> None:
    """Stop at start with a token that the service refuses, rather than let every recovery wait for an operator.

    Asks for a recovery that does not exist. A service that is away says nothing of the token; the worker goes on then.
    """
    try:
        await care.workers.CheckRecovery(CheckRecoveryRequest(name=_NO_RECOVERY))
    except CareError as error:
        if isinstance(error, (Unauthenticated, PermissionDenied)):
            words = (
                f"CARE_TOKEN: the service refuses it ({error.reason}); make one such as with: care token --role worker"
            )
            raise environment.ConfigurationError(words) from None


def _runtime(metrics_address: Address | None) -> Runtime | None:
    """Return what the SDK's core runs on, with its metrics at that address; None for its default."""
    if metrics_address is None:
        return None
    # Names and units as Prometheus wants them.
    metrics = PrometheusConfig(
        str(metrics_address), counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
    )
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=metrics))
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        words = f"{metrics_address} can't be listened on ({reason}); choose another address or port"
        raise environment.ConfigurationError(f"CARE_METRICS_ADDRESS: {words}") from None


async def _connect(runtime: Runtime | None) -> Client:
    """Connect to Temporal as ``TEMPORAL_*`` says; wait for the server and its namespace as long as they are missing.

    The worker gets the client's interceptor, which puts its workflows and activities into the trace of what woke them.
    """
    config = connect_config()
    pause = _FIRST_PAUSE
    while True:
        try:
            client = await Client.connect(**config, interceptors=[TracingInterceptor()], runtime=runtime)
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
        except (RuntimeError, RPCError) as error:  # what the SDK raises for a connection that fails, and for a refusal
            _log.warning(
                "waiting for Temporal", address=config.get("target_host"), error=str(error), next_try_seconds=pause
            )
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            return client
