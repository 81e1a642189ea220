#!/bin/sh
# Creates the namespace TEMPORAL_NAMESPACE if it is missing. The worker registers its search attributes.
set -eu

attempts=60
until temporal operator cluster health >/dev/null 2>&1; do
    attempts=$((attempts - 1))
    test "$attempts" -gt 0 || { echo "Temporal at $TEMPORAL_ADDRESS does not become healthy" >&2; exit 1; }
    sleep 1
done
# Named outright: these two commands take their namespace from no variable.
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
