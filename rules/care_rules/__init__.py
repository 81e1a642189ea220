"""The rules of Care as pure functions: state machines, decisions, deadlines, permissions, and the filter grammar."""
