"""Which version of the worker this is, where Temporal's worker versioning is used: see docs/changing-workflows.md."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

from care_roles import environment

_DeploymentName = Annotated[str, Field(min_length=1, pattern=r"^[^.]+$")]
"""Without a dot, which ends it in a version's full name."""


class VersionSettings(BaseSettings):
    """Both or neither; with neither the worker takes whatever is on its task queue."""

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
        """What the worker tells Temporal of its version; None without one.

        Its workflows move to the version that is current, at their next task: they wait for weeks and months, so a
        version that kept what it began would have to run that long, and a mended mistake would reach nobody who waits.
        Said here and not at each workflow, as Temporal refuses the tasks of an unversioned worker whose workflows do.
        """
        if self.worker_deployment is None or self.worker_build_id is None:
            return None
        return WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(self.worker_deployment, self.worker_build_id),
            use_worker_versioning=True,
            default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
        )
