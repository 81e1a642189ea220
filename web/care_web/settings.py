"""The configuration of `care web`."""

from pydantic_settings import BaseSettings

from care_client.roles.fields import Address, ListenAddress, LogFormat, ServiceAddress


class WebSettings(BaseSettings):
    """What the role reads from `CARE_*` variables.

    Which proxies may name the customer's address is uvicorn's own variable, ``FORWARDED_ALLOW_IPS``.
    """

    service_address: ServiceAddress = Address("127.0.0.1", 50051)
    web_address: ListenAddress = Address("127.0.0.1", 8080)
    log_format: LogFormat = "json"
