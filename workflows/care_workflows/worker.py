"""The role `care work`: a Temporal worker with Care's workflows and the configured channels."""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import Final, Self

from pydantic import Field, model_validator
from temporalio.client import Client
from temporalio.worker import Worker

from care.v1.worker_service_pb2 import CheckRecoveryRequest
from care_client.client import CareClient
from care_client.errors import CareError, PermissionDenied, Unauthenticated
from care_roles import environment, http_server, logs, tracing
from care_roles.fields import Address, ListenAddress, LogFormat
from care_roles.service import AuthorizedConnection
from care_workflows import search_attributes, sms_callbacks, temporal_connection
from care_workflows.messenger_settings import MessengerSettings
from care_workflows.plugin import CarePlugin
from care_workflows.review_site_settings import ReviewSiteSettings
from care_workflows.worker_channels import open_messengers, open_review_sites
from care_workflows.worker_version import VersionSettings

_NO_RECOVERY: Final = "organizations/none/tickets/1/recoveries/00000000-0000-4000-8000-000000000000"

_log = logs.get_logger(__name__)


class WorkerSettings(ReviewSiteSettings, MessengerSettings, VersionSettings, AuthorizedConnection):
    """The role's environment variables, besides Temporal's own."""

    task_queue: str = Field("care", min_length=1)
    metrics_address: ListenAddress | None = None
    log_format: LogFormat = "json"

    @model_validator(mode="after")
    def _require_token(self) -> Self:
        if self.token_source is None:
            raise ValueError(f"{environment.missing('CARE_TOKEN')}, or set CARE_TOKEN_FILE")
        return self


def main() -> int:
    """Runs the worker until SIGTERM or SIGINT; returns the exit status."""
    return environment.run(_work, role="work", ends_process=True)


async def _work() -> None:
    settings = environment.load(WorkerSettings)
    logs.configure(settings.log_format)
    with tracing.recording("care-work"):
        await _run_worker(settings)


async def _run_worker(settings: WorkerSettings) -> None:
    client = await temporal_connection.connect(settings.metrics_address)
    for command in await search_attributes.register(client):
        _log.warning("search attribute not registered: operators cannot filter workflows by it", to_do=command)
    async with AsyncExitStack() as stack:
        sites = await open_review_sites(settings, stack)
        care = await stack.enter_async_context(settings.connect(user_agent="care-work"))
        await _require_accepted_token(care)
        plugin = CarePlugin(care, sites, await open_messengers(settings, stack))
        callbacks = await _serve_callbacks(settings, client, stack)
        deployment = settings.deployment_config
        await stack.enter_async_context(
            Worker(client, task_queue=settings.task_queue, plugins=[plugin], deployment_config=deployment)
        )
        _log.info(
            "worker ready",
            task_queue=settings.task_queue,
            namespace=client.namespace,
            sites=list(sites.names),
            version=deployment.version.to_canonical_string() if deployment else None,
        )
        await (callbacks or asyncio.Event().wait())  # until `run` cancels


async def _serve_callbacks(settings: WorkerSettings, client: Client, stack: AsyncExitStack) -> Awaitable[None] | None:
    """Serves the SMS provider's callbacks until ``stack`` closes.

    Returns an awaitable that ends when the server ends; None if no callbacks are configured.
    """
    if settings.sms is None or settings.sms_callback_address is None:
        return None
    listener = http_server.listen(settings.sms_callback_address, "CARE_SMS_CALLBACK_ADDRESS")
    app = sms_callbacks.create_app(client, settings.sms)
    serving = await stack.enter_async_context(http_server.serving(app, listener))
    _log.info("listening for SMS callbacks", address=str(Address(*listener.getsockname()[:2])))
    return asyncio.shield(serving)


async def _require_accepted_token(care: CareClient) -> None:
    """Raises ConfigurationError if the service refuses the token.

    With a refused token, every recovery would wait for an operator. The check asks for a recovery that does not exist.
    If the service is unavailable, the worker starts anyway.
    """
    try:
        await care.workers.CheckRecovery(CheckRecoveryRequest(name=_NO_RECOVERY))
    except CareError as error:
        if isinstance(error, (Unauthenticated, PermissionDenied)):
            message = f"the service refuses it ({error.reason}); create a token with: care token --role worker"
            raise environment.ConfigurationError(f"CARE_TOKEN: {message}") from None
