"""The contract of Care as Python code; one subpackage per version of the API."""
