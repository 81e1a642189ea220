"""Makes `python -m care_cli` the same as `care`. The development stack starts its roles in this way."""

from care_cli.app import main

if __name__ == "__main__":
    main()
