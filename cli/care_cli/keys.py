"""Makes fresh keys and passwords for an installation in containers: the variables of docker-compose.yml."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from care_dev.stack.secrets import Role, Secrets, fresh_key, sign

WORKER_TOKEN_LIFETIME: Final = timedelta(days=365)
"""The lifetime is long, because no login renews the token. A comment in the file says how to make a new token."""

_LINK_KEY_ID: Final = "k1"


def environment_file() -> str:
    """Returns the text of an `.env` file. Each call makes new keys."""
    keys = Secrets(token_key=fresh_key(), link_key=fresh_key())
    worker = sign(keys.token_key, role=Role.WORKER, lifetime=WORKER_TOKEN_LIFETIME)
    return f"""\
# Keys and passwords of this installation, made by `care keys`. Keep them secret, and do not lose them: without the link
# keys, customers' links stop working, and the database was created with these passwords.

# Signs bearer tokens: `docker compose exec service care token --org acme --agent alice` makes one.
CARE_TOKEN_KEY={keys.token_key}

# Sign customers' links. To rotate, put a new key in front: k2:…,{_LINK_KEY_ID}:…
CARE_LINK_KEYS={_LINK_KEY_ID}:{keys.link_key}

# The worker's bearer token, valid for {WORKER_TOKEN_LIFETIME.days} days: `docker compose exec service care token \
--role worker` makes a new one.
CARE_TOKEN={worker}

# PostgreSQL: its superuser, the owner of Care's database, and the owner of Temporal's.
POSTGRES_PASSWORD={fresh_key()}
POSTGRES_CARE_PASSWORD={fresh_key()}
POSTGRES_TEMPORAL_PASSWORD={fresh_key()}
"""
