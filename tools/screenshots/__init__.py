"""Creates tickets in the situations that docs/runbook.md describes, and takes the screenshots of this page."""
