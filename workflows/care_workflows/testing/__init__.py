"""A test kit for whoever embeds Care's workflows: a fake service, fake channels, and what people do.

``async with CareTestKit(environment) as kit:`` on Temporal's ``WorkflowEnvironment``, also on one that skips time. The
service speaks the real ``WorkerService`` over gRPC and moves by the real tables: what they do not have, it refuses as
the service does. See ``docs/embedding.md``.
"""

from care_workflows.testing.channels import FakeMessenger, FakeReviewSite
from care_workflows.testing.kit import CareTestKit
from care_workflows.testing.records import Delivery, Policy, Recovery, Ticket

__all__ = ["CareTestKit", "Delivery", "FakeMessenger", "FakeReviewSite", "Policy", "Recovery", "Ticket"]
