"""The role `care work` as a process, and the plugin in a team's worker, with real channels and a real server."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from care.v1 import recovery_pb2 as recovery
from care.v1 import worker_service_pb2 as worker
from care.v1.message_pb2 import CHANNEL_SMS, DELIVERY_STATE_DELIVERED, DELIVERY_STATE_SENT
from care.v1.workflows_pb2 import ContactRecoveryInput, ContactRecoveryResult, MessageDeliveryInput
from care_client.workflow_names import message_delivery_id
from care_workflows.channels.local_site import LocalReviewSite
from care_workflows.channels.registry import ReviewSites
from care_workflows.contact_recovery import ContactRecovery
from care_workflows.message_delivery import MessageDelivery
from care_workflows.plugin import CarePlugin
from tests.support.temporal import history_bytes
from tests.workflows import review_site
from tests.workflows.channels import sms_provider
from tests.workflows.channels.values import AUTH_TOKEN, PHONE
from tests.workflows.review_site import LocalSite
from tests.workflows.worker_service import (
    ANSWER,
    CHAT_LINK,
    LINK,
    MESSAGE,
    RECOVERY,
    TEXT,
    TEXT_WITHOUT_LINK,
    TOKEN,
    ScriptedWorkerService,
    connect_worker,
    serve_worker_service,
)

SECRETS = (LINK, LINK.rpartition("/")[2], "Zoë", "We are sorry", TOKEN)


class PostsOnce(ScriptedWorkerService):
    """A service that plans to post the reply, then to retract the reply, and then nothing more."""

    _step: worker.RecoveryStep.ValueType = worker.RECOVERY_STEP_POST

    async def CheckRecovery(
        self, request: worker.CheckRecoveryRequest, context: object
    ) -> worker.CheckRecoveryResponse:
        return worker.CheckRecoveryResponse(plan=self._plan(self._step))

    async def UnlockChat(self, request: worker.UnlockChatRequest, context: object) -> worker.UnlockChatResponse:
        return worker.UnlockChatResponse(plan=self._plan(self._step))

    async def RecordPosted(self, request: worker.RecordPostedRequest, context: object) -> worker.RecordPostedResponse:
        self.reports.append(request)
        assert self.grant
        self.grant.text = TEXT_WITHOUT_LINK
        self.grant.attempt += 1
        return worker.RecordPostedResponse(plan=self._plan(worker.RECOVERY_STEP_RETRACT))

    async def RecordRefused(
        self, request: worker.RecordRefusedRequest, context: object
    ) -> worker.RecordRefusedResponse:
        self.reports.append(request)
        return worker.RecordRefusedResponse(plan=self._plan(worker.RECOVERY_STEP_DONE))

    async def RecordRetracted(
        self, request: worker.RecordRetractedRequest, context: object
    ) -> worker.RecordRetractedResponse:
        self.reports.append(request)
        return worker.RecordRetractedResponse(plan=self._plan(worker.RECOVERY_STEP_DONE))

    def _plan(self, step: worker.RecoveryStep.ValueType) -> worker.RecoveryPlan:
        self._step = step
        return worker.RecoveryPlan(state=recovery.RECOVERY_STATE_WITHDRAWN, step=step, review_site="local")


class SendsOnce(ScriptedWorkerService):
    """A service that plans to send a message by SMS, and to ask after a day whether the message arrived."""

    async def BeginDelivery(
        self, request: worker.BeginDeliveryRequest, context: object
    ) -> worker.BeginDeliveryResponse:
        assert self.delivery_grant
        self.delivery_grant.channel = CHANNEL_SMS
        self.delivery_grant.address = PHONE
        grant = self.delivery_grant if request.step else None
        return worker.BeginDeliveryResponse(plan=self.delivery_plan, grant=grant)

    async def RecordDelivered(
        self, request: worker.RecordDeliveredRequest, context: object
    ) -> worker.RecordDeliveredResponse:
        self.reports.append(request)
        assert self.delivery_grant
        self.delivery_grant.provider_id = request.provider_id
        self.delivery_plan.state = request.state
        if request.state == DELIVERY_STATE_DELIVERED:
            self.delivery_plan.step = worker.DELIVERY_STEP_DONE
        else:
            self.delivery_plan.step = worker.DELIVERY_STEP_WAIT
            self.delivery_plan.wait.FromTimedelta(timedelta(days=1))
        return worker.RecordDeliveredResponse(plan=self.delivery_plan)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[LocalSite]:
    async with review_site.running(tmp_path) as running:
        yield running


async def start(client: Client, task_queue: str) -> WorkflowHandle[ContactRecovery, ContactRecoveryResult]:
    return await client.start_workflow(
        ContactRecovery.run,
        ContactRecoveryInput(recovery=RECOVERY),
        id=f"contact-recovery/acme/17/{task_queue}",
        task_queue=task_queue,
        start_signal="poke",
    )


def kinds(service: ScriptedWorkerService) -> list[str]:
    return [type(report).__name__ for report in service.reports]


# --- embedded ---------------------------------------------------------------------------------------------------------


async def test_the_plugin_embeds_the_workflows_and_temporal_holds_no_personal_data(
    dev_client: Client, site: LocalSite, caplog: pytest.LogCaptureFixture
) -> None:
    service, queue = PostsOnce(), f"team-{uuid4().hex}"
    async with connect_worker(service) as care, LocalReviewSite(site.url) as local:
        sites = ReviewSites({"local": local})
        async with Worker(dev_client, task_queue=queue, plugins=[CarePlugin(care, sites)]):
            handle = await start(dev_client, queue)
            await handle.result()
    assert kinds(service) == ["RecordPostedRequest", "RecordRetractedRequest"]
    assert await site.reply() == TEXT_WITHOUT_LINK
    kept = await history_bytes(handle)
    assert RECOVERY.encode() in kept
    assert [secret for secret in SECRETS if secret.encode() in kept or secret in caplog.text] == []


async def test_failures_contain_no_personal_data(
    dev_client: Client, site: LocalSite, caplog: pytest.LogCaptureFixture
) -> None:
    service, queue = PostsOnce(), f"team-{uuid4().hex}"
    await site.set_behavior("down")
    async with connect_worker(service) as care, LocalReviewSite(site.url) as local:
        sites = ReviewSites({"local": local})
        async with Worker(dev_client, task_queue=queue, plugins=[CarePlugin(care, sites)]):
            handle = await start(dev_client, queue)
            while not (pending := (await handle.describe()).raw_description.pending_activities) or (
                not pending[0].HasField("last_failure")
            ):
                pass
            assert pending[0].last_failure.application_failure_info.type == "SiteUnavailable"
            shown = pending[0].SerializeToString()
            await site.set_behavior("refuse_links")
            await handle.result()
    assert kinds(service) == ["RecordRefusedRequest"]
    kept = await history_bytes(handle) + shown
    assert b"SiteUnavailable" in kept
    assert [secret for secret in SECRETS if secret.encode() in kept or secret in caplog.text] == []


# --- the role ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def care_work(**variables: str) -> AsyncIterator[Process]:
    """Runs the role as a process with only these variables."""
    program = "import sys; from care_workflows.worker import main; sys.exit(main())"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CARE_", "TEMPORAL_"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=kept | variables, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def read_log_until(process: Process, expected: str) -> str:
    """Returns all lines that the process logs, up to the first line that contains `expected`."""
    assert process.stderr
    lines = []
    async for line in process.stderr:
        lines.append(line.decode())
        if expected in lines[-1]:
            return "".join(lines)
    raise AssertionError(f"ended without logging {expected!r}: {''.join(lines)}")


async def test_role_works_until_it_is_told_to_stop(dev_client: Client, site: LocalSite) -> None:
    service, queue = PostsOnce(), f"role-{uuid4().hex}"
    async with serve_worker_service(service) as address:
        variables = {
            "CARE_SERVICE_ADDRESS": address,
            "CARE_TOKEN": TOKEN,
            "CARE_REVIEW_SITE_URL": site.url,
            "CARE_TASK_QUEUE": queue,
            "TEMPORAL_ADDRESS": dev_client.service_client.config.target_host,
        }
        async with care_work(**variables) as process:
            log = await read_log_until(process, "worker ready")
            await (await start(dev_client, queue)).result()
            process.send_signal(signal.SIGTERM)
            _, rest = await process.communicate()
    assert process.returncode == 0
    assert kinds(service) == ["RecordPostedRequest", "RecordRetractedRequest"]
    assert await site.reply() == TEXT_WITHOUT_LINK
    log += rest.decode()
    assert [secret for secret in SECRETS if secret in log] == []
    assert TEXT not in log


async def test_role_sends_sms_and_takes_callbacks(dev_client: Client) -> None:
    service, queue, public = SendsOnce(), f"role-{uuid4().hex}", "https://news.example"
    async with serve_worker_service(service) as address, sms_provider.running() as provider:
        variables = {
            "CARE_SERVICE_ADDRESS": address,
            "CARE_TOKEN": TOKEN,
            "CARE_SMS_URL": provider.url,
            "CARE_SMS_ACCOUNT": sms_provider.ACCOUNT,
            "CARE_SMS_AUTH_TOKEN": AUTH_TOKEN,
            "CARE_SMS_SENDER": sms_provider.SENDER,
            "CARE_SMS_CALLBACK_URL": public,
            "CARE_SMS_CALLBACK_ADDRESS": "127.0.0.1:0",
            "CARE_TASK_QUEUE": queue,
            "TEMPORAL_ADDRESS": dev_client.service_client.config.target_host,
            "NO_PROXY": "127.0.0.1",
        }
        async with care_work(**variables) as process:
            log = await read_log_until(process, "worker ready")
            [line] = [json.loads(line) for line in log.splitlines() if "listening for SMS callbacks" in line]
            handle = await dev_client.start_workflow(
                MessageDelivery.run,
                MessageDeliveryInput(message=MESSAGE),
                id=message_delivery_id("acme", 17, "m1"),
                task_queue=queue,
                start_signal="poke",
            )
            while not (await handle.query(MessageDelivery.status)).doing.startswith("Waiting"):
                pass
            [(sid, message)] = provider.messages.items()
            provider.becomes(sid, "delivered")
            form = {"MessageSid": sid, "MessageStatus": "delivered", "To": PHONE}
            url = message["StatusCallback"]
            async with httpx.AsyncClient(trust_env=False) as http:
                local = url.replace(public, f"http://{line['address']}")
                headers = {"X-Twilio-Signature": sms_provider.sign(url, form)}
                (await http.post(local, data=form, headers=headers)).raise_for_status()
            result = await handle.result()
            process.send_signal(signal.SIGTERM)
            _, rest = await process.communicate()
    assert process.returncode == 0
    assert result.plan.step == worker.DELIVERY_STEP_DONE
    assert provider.forms == [
        {"To": PHONE, "From": sms_provider.SENDER, "Body": f"{ANSWER} {CHAT_LINK}", "StatusCallback": url}
    ]
    states = [report.state for report in service.reports if isinstance(report, worker.RecordDeliveredRequest)]
    assert states == [DELIVERY_STATE_SENT, DELIVERY_STATE_DELIVERED]
    kept = await history_bytes(handle)
    assert MESSAGE.encode() in kept
    secrets = (*SECRETS, PHONE, ANSWER, CHAT_LINK, AUTH_TOKEN)
    assert [secret for secret in secrets if secret.encode() in kept or secret in log + rest.decode()] == []


async def test_role_logs_that_it_waits_for_temporal() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # accepts no connection
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        async with care_work(CARE_TOKEN=TOKEN, TEMPORAL_ADDRESS=address) as process:
            assert address in await read_log_until(process, "waiting for Temporal")
            process.send_signal(signal.SIGTERM)
            await process.communicate()
    assert process.returncode == 0


async def test_role_refuses_to_run_without_a_token() -> None:
    async with care_work() as process:
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode().startswith("care work: CARE_TOKEN is missing: ")
    assert errors.decode().count("\n") == 1
