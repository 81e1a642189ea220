"""The plugin that adds Care's workflows and activities to any Temporal worker."""

from datetime import timedelta

from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkerConfig

from care_client.client import CareClient
from care_workflows import activity_options
from care_workflows.channels.registry import Messengers, ReviewSites
from care_workflows.contact_recovery import ContactRecovery
from care_workflows.delivery_activities import DeliveryActivities
from care_workflows.message_delivery import MessageDelivery
from care_workflows.recovery_activities import RecoveryActivities
from care_workflows.ticket_activities import TicketActivities
from care_workflows.ticket_workflow import TicketWorkflow


class CarePlugin(SimplePlugin):
    """``Worker(client, task_queue="care", plugins=[CarePlugin(care, ReviewSites({…}), Messengers({"EMAIL": …}))])``.

    Or ``Client.connect(…, plugins=[CarePlugin(…)])``: then every worker of that client runs the workflows, each on its
    own task queue. Give the plugin to the worker or to the client; the SDK warns if both have it.

    The plugin does not change the worker's other workflows and activities, its sandbox or its data converter. Care's
    own workflows run without the sandbox. Run the worker in the event loop in which ``care`` was connected, and close
    ``care`` after the worker has stopped.
    """

    def __init__(self, care: CareClient, review_sites: ReviewSites, messengers: Messengers | None = None) -> None:
        """Connects the workflows to the service that ``care`` calls. The token of ``care`` needs the role ``worker``.

        A message fails with NO_CHANNEL if ``messengers`` has no adapter for the message's channel.
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
        """Adds the workflows and activities, and lets running attempts finish when the worker stops.

        By default, the SDK cancels running attempts at once. Then a retry could start while the review site still
        processes the interrupted request.
        """
        config = super().configure_worker(config)
        grace = config.get("graceful_shutdown_timeout", timedelta())
        config["graceful_shutdown_timeout"] = max(grace, activity_options.SHUTDOWN_GRACE)
        return config
