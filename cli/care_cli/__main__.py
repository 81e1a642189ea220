"""Lets `python -m care_cli` be the same as `care`; the stack starts its roles so."""

from care_cli.app import main

if __name__ == "__main__":
    main()
