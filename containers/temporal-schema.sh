#!/bin/sh
# Brings Temporal's two databases up to the version of its server; on up-to-date ones it changes nothing.
# The tool finds the server by the variables SQL_*.
set -eu

schemas=/etc/temporal/schema/postgresql/v12

temporal-sql-tool --database temporal setup-schema -v 0.0
temporal-sql-tool --database temporal update-schema --schema-dir "$schemas/temporal/versioned"
temporal-sql-tool --database temporal_visibility setup-schema -v 0.0
temporal-sql-tool --database temporal_visibility update-schema --schema-dir "$schemas/visibility/versioned"
