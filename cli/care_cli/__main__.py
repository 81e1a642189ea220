"""Makes `python -m care_cli` the same as `care`. The development stack starts its roles with this command."""

from care_cli.app import main

if __name__ == "__main__":
    main()
