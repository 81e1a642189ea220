"""Takes the screenshots of docs/runbook.md, of tickets that it brings into the situations described there."""
