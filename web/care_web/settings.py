"""The configuration of `care web`."""

from pydantic import Field

from care_roles.fields import Address, ListenAddress, LogFormat
from care_roles.service import ServiceConnection
from care_web.live import MAX_STREAMS


class WebSettings(ServiceConnection):
    """What the role reads from `CARE_*` variables.

    Which proxies may name the customer's address is uvicorn's own variable, ``FORWARDED_ALLOW_IPS``.
    """

    web_address: ListenAddress = Address("127.0.0.1", 8080)
    log_format: LogFormat = "json"
    max_streams: int = Field(default=MAX_STREAMS, ge=1)
    """How many chats one process keeps up to date at a time; to more, browsers come again later."""
