"""How a role connects to the gRPC service: address, encryption and, for some roles, the token."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from grpc.aio import ClientInterceptor
from pydantic import Field, PrivateAttr, model_validator

from care_client.channel import is_local
from care_client.client import CareClient
from care_client.tls import Tls
from care_client.tokens import Token, TokenFile
from care_roles.environment import RoleSettings
from care_roles.fields import Address, BearerToken, ServiceAddress

SYSTEM_CA: Final = "system"
"""The value of CARE_SERVICE_CA that means: the authorities that the machine trusts."""


class ServiceConnection(RoleSettings):
    """The address of the service and the encryption of the connection. Files are read and checked on creation."""

    service_address: ServiceAddress = Address("127.0.0.1", 50051)
    service_ca: str | None = None
    """A PEM file, or ``SYSTEM_CA``. None means plaintext."""
    service_certificate: Path | None = None
    """The client certificate, for mutual TLS."""
    service_key: Path | None = None
    """The private key of ``service_certificate``."""

    _tls: Tls | None = PrivateAttr(None)

    @property
    def tls(self) -> Tls | None:
        """The encryption; None for plaintext."""
        return self._tls

    @model_validator(mode="after")
    def _load_tls(self) -> Self:
        if (self.service_certificate is None) != (self.service_key is None):
            raise ValueError("CARE_SERVICE_CERTIFICATE and CARE_SERVICE_KEY belong together: set both or neither")
        if self.service_ca is None:
            if self.service_certificate is not None:
                raise ValueError(
                    f"CARE_SERVICE_CERTIFICATE needs CARE_SERVICE_CA: set it to a PEM file, or to {SYSTEM_CA}"
                )
            return self
        ca = None if self.service_ca == SYSTEM_CA else self.service_ca
        try:
            self._tls = Tls.load(ca, self.service_certificate, self.service_key)
        except ValueError as error:
            name = "CARE_SERVICE_CA" if ca and str(error).startswith(ca) else "CARE_SERVICE_CERTIFICATE"
            raise ValueError(f"{name}: {error}") from None
        return self


class AuthorizedConnection(ServiceConnection):
    """A connection with an optional bearer token. The role decides whether it requires one."""

    token: BearerToken | None = Field(None, repr=False)
    token_file: Path | None = None
    """A file that holds the token. It is read again when it changes."""
    service_plaintext: bool = False
    """Whether the token may be sent to another machine unencrypted."""

    _token_file: TokenFile | None = PrivateAttr(None)

    @property
    def token_source(self) -> Token | None:
        """The token for calls; None if none is given."""
        return self._token_file or self.token

    @model_validator(mode="after")
    def _check_token(self) -> Self:
        if self.token is not None and self.token_file is not None:
            raise ValueError("CARE_TOKEN and CARE_TOKEN_FILE are both set: unset one")
        if self.token_file is not None:
            try:
                self._token_file = TokenFile(self.token_file)
            except ValueError as error:
                raise ValueError(f"CARE_TOKEN_FILE: {error}") from None
        unencrypted = self.token_source is not None and self.tls is None and not self.service_plaintext
        if unencrypted and not is_local(str(self.service_address)):
            raise ValueError(
                f"the token would be sent to {self.service_address} unencrypted: set CARE_SERVICE_CA, or "
                "CARE_SERVICE_PLAINTEXT=yes on a network that you trust"
            )
        return self

    def connect(self, *, user_agent: str = "", interceptors: Sequence[ClientInterceptor] = ()) -> CareClient:
        """Opens a client. The arguments are those of ``CareClient.connect``."""
        return CareClient.connect(
            str(self.service_address),
            self.token_source,
            tls=self.tls,
            allow_plaintext_token=self.service_plaintext,
            user_agent=user_agent,
            interceptors=interceptors,
        )
