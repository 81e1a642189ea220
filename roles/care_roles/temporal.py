"""Temporal's configuration (``TEMPORAL_*``). Temporal's SDK reads it. This module checks it before a role connects."""

import os
from collections.abc import Mapping
from typing import Final

from temporalio.envconfig import ClientConfig, ClientConnectConfig

from care_roles.environment import ConfigurationError
from care_roles.fields import Address

_DEFAULT_ADDRESS: Final = "127.0.0.1:7233"
_FILES: Final = (
    "TEMPORAL_CONFIG_FILE",
    "TEMPORAL_TLS_CLIENT_CERT_PATH",
    "TEMPORAL_TLS_CLIENT_KEY_PATH",
    "TEMPORAL_TLS_SERVER_CA_CERT_PATH",
)


def connect_config(environ: Mapping[str, str] | None = None) -> ClientConnectConfig:
    """Returns the arguments of ``Client.connect``.

    https://docs.temporal.io/develop/environment-configuration lists the variables. Raises ``ConfigurationError``, which
    names the variable, if a value is invalid or a file cannot be read.
    """
    environ = os.environ if environ is None else environ
    for name in _FILES:
        if (path := environ.get(name)) and not os.access(path, os.R_OK):
            raise ConfigurationError(f"{name}: {path} cannot be read; name a readable file, or unset the variable")
    try:
        config = ClientConfig.load_client_connect_config(override_env_vars=dict(environ))
    except (RuntimeError, ValueError) as error:
        names = ", ".join(sorted(name for name in environ if name.startswith("TEMPORAL_"))) or "Temporal's config file"
        raise ConfigurationError(f"{names}: {str(error).splitlines()[0]}") from None
    address = config.setdefault("target_host", _DEFAULT_ADDRESS)
    try:
        Address.parse(address, lowest_port=1)
    except ValueError as error:
        raise ConfigurationError(f"TEMPORAL_ADDRESS: {error}") from None
    return config
