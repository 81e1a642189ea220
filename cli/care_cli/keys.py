"""Fresh keys and passwords for an installation in containers, as the variables that docker-compose.yml asks for."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from care_dev.stack.secrets import Role, Secrets, fresh_key, sign

WORKER_TOKEN_LIFETIME: Final = timedelta(days=365)
"""Nobody is there to renew it, as a login would; the comment in front of it says how to."""

_LINK_KEY_ID: Final = "k1"


def environment_file() -> str:
    """The text of a file `.env` with new keys; each call makes others."""
    keys = Secrets(token_key=fresh_key(), link_key=fresh_key())
    worker = sign(keys.token_key, role=Role.WORKER, lifetime=WORKER_TOKEN_LIFETIME)
    return f"""\
# Keys and passwords of this installation, made by `care keys`. Keep them secret. Keep them, too: without the link keys,
# links that customers hold stop working, and the passwords are those that the database was made with.

# Signs bearer tokens: `docker compose exec service care token --org acme --agent alice` makes one.
CARE_TOKEN_KEY={keys.token_key}

# Make and check customers' links. To change keys, put a new one in front: k2:…,{_LINK_KEY_ID}:…
CARE_LINK_KEYS={_LINK_KEY_ID}:{keys.link_key}

# The worker's bearer token, good for {WORKER_TOKEN_LIFETIME.days} days: `docker compose exec service care token \
--role worker` makes a new one.
CARE_TOKEN={worker}

# PostgreSQL: its superuser, the owner of Care's database, and the owner of Temporal's.
POSTGRES_PASSWORD={fresh_key()}
POSTGRES_CARE_PASSWORD={fresh_key()}
POSTGRES_TEMPORAL_PASSWORD={fresh_key()}
"""
