"""The client of Care's gRPC services; `care_client.roles` has what all processes of the system share."""
