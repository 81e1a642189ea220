"""A test kit for teams that embed Care's workflows: a fake service, fake channels, and what people do.

``async with CareTestKit(environment) as kit:`` runs on Temporal's ``WorkflowEnvironment``, even if that skips time. The
fake service implements ``WorkerService`` over gRPC. It keeps its tickets in memory and decides by the rules of the
service (``care_rules``), so it refuses what the service refuses. See ``docs/embedding.md``.
"""

from care_workflows.testing.channels import FakeMessenger, FakeReviewSite
from care_workflows.testing.kit import CareTestKit
from care_workflows.testing.policy import Policy
from care_workflows.testing.records import Delivery, Recovery, Ticket

__all__ = ["CareTestKit", "Delivery", "FakeMessenger", "FakeReviewSite", "Policy", "Recovery", "Ticket"]
