"""Care's durable steps as Temporal workflows; `care_workflows.plugin` puts them into any worker."""
