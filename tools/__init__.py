"""Development tools: checks of the project, generated documentation, screenshots. They are not installed."""
