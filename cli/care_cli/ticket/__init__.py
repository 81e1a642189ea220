"""The commands `care ticket …`: an agent's desk on the command line, over gRPC alone."""
