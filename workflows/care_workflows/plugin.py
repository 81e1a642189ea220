"""The plugin that puts Care's workflows and activities into any Temporal worker."""

from datetime import timedelta

from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkerConfig

from care_client.client import CareClient
from care_workflows import steps
from care_workflows.activities import RecoveryActivities
from care_workflows.channels.registry import Messengers, ReviewSites
from care_workflows.contact_recovery import ContactRecovery
from care_workflows.delivering import DeliveryActivities
from care_workflows.message_delivery import MessageDelivery
from care_workflows.ticket_deadlines import TicketActivities
from care_workflows.ticket_workflow import TicketWorkflow


class CarePlugin(SimplePlugin):
    """``Worker(client, task_queue="care", plugins=[CarePlugin(care, ReviewSites({…}), Messengers({"EMAIL": …}))])``.

    Or ``Client.connect(…, plugins=[CarePlugin(…)])``: all workers of that client take it over, each with the workflows
    on its own task queue. Give it to one of the two; the SDK warns of both.

    Adds to what the worker has; neither its sandbox nor its data converter is changed. The plugin lives on the event
    loop of ``care``, which the caller closes after the worker.
    """

    def __init__(self, care: CareClient, review_sites: ReviewSites, messengers: Messengers | None = None) -> None:
        """Act for the service behind ``care``, with a token of the role worker.

        Messages to customers fail as NO_CHANNEL where ``messengers`` has none for them.
        """
        super().__init__(
            "care",
            workflows=[ContactRecovery, MessageDelivery, TicketWorkflow],
            activities=[
                *RecoveryActivities(care.workers, review_sites).all,
                *DeliveryActivities(care.workers, messengers or Messengers({})).all,
                *TicketActivities(care.workers).all,
            ],
        )

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        """Add workflows and activities, and time for attempts under way to end when the worker stops.

        Temporal's default cancels them at once, and starts their retries while the review site may still be working
        on the request that was torn off.
        """
        config = super().configure_worker(config)
        config["graceful_shutdown_timeout"] = max(config.get("graceful_shutdown_timeout", timedelta()), steps.GRACE)
        return config
