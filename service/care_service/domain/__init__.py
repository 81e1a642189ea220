"""The rules, pure: state in, decision out. No I/O, no generated code, no framework but `transitions`."""
