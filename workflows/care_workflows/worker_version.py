"""The version of this worker, for Temporal's Worker Versioning; see docs/changing-workflows.md."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

from care_roles import environment
from care_roles.environment import RoleSettings

_DeploymentName = Annotated[str, Field(min_length=1, pattern=r"^[^.]+$")]
"""Contains no dot, because Temporal separates deployment and build id by a dot."""


class VersionSettings(RoleSettings):
    """The two variables of the worker's version. Set both or neither.

    A worker without a version takes all tasks of its queue.
    """

    worker_deployment: _DeploymentName | None = None
    worker_build_id: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _require_both(self) -> Self:
        if (self.worker_deployment is None) != (self.worker_build_id is None):
            absent = "CARE_WORKER_BUILD_ID" if self.worker_build_id is None else "CARE_WORKER_DEPLOYMENT"
            raise ValueError(environment.missing(absent))
        return self

    @property
    def deployment_config(self) -> WorkerDeploymentConfig | None:
        """The worker's version in the form that Temporal's SDK takes; None if no version is configured.

        The workflows are auto-upgrade: each workflow task runs on the version that is current at that time. Workflows
        wait for weeks or months. If they were pinned to a version, its workers would have to run that long, and a fix
        would not reach a waiting workflow. The behavior is set here and not in the workflows: if a workflow declared a
        behavior, Temporal would refuse the tasks of a worker without a version.
        """
        if self.worker_deployment is None or self.worker_build_id is None:
            return None
        return WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(self.worker_deployment, self.worker_build_id),
            use_worker_versioning=True,
            default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
        )
