"""The commands `care ticket …`: an agent's desk on the command line. They use only the gRPC service."""
