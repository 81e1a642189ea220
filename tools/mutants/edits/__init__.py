"""The edits, by the part of the product that they make wrong."""

from tools.mutants.edits import rules, storage, usecases, vocabulary, workflows

EDITS = (*vocabulary.EDITS, *rules.EDITS, *usecases.EDITS, *storage.EDITS, *workflows.EDITS)
