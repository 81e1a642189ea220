"""The configuration of `care web`."""

from pydantic import Field

from care_roles.fields import Address, ListenAddress, LogFormat
from care_roles.service import ServiceConnection
from care_web.chat_events import MAX_STREAMS


class WebConfiguration(ServiceConnection):
    """What `care web` reads from `CARE_*` environment variables.

    uvicorn's own variable ``FORWARDED_ALLOW_IPS`` says which proxies are trusted to name the customer's address.
    """

    web_address: ListenAddress = Address("127.0.0.1", 8080)
    log_format: LogFormat = "json"
    max_streams: int = Field(default=MAX_STREAMS, ge=1)
    """How many open chats one process updates live. Further browsers get status 503, and try again later."""
