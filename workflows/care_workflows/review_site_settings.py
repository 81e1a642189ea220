"""The environment variables of `care work` for review sites."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import PrivateAttr, model_validator

from care_client.channel import is_local
from care_roles.environment import RoleSettings
from care_roles.fields import BaseUrl
from care_workflows.channels.google_account import GoogleAccount
from care_workflows.channels.google_business import DEFAULT_DEADLINE, PUBLIC_URL, GoogleBusiness


class ReviewSiteSettings(RoleSettings):
    """Google Business Profile, and the local review site for development."""

    google_credentials_file: Path | None = None
    """JSON key file of the service account that posts replies; None for no replies at Google."""
    google_url: BaseUrl = PUBLIC_URL
    google_overwrite: bool = False
    """Whether Care may replace replies that Care did not write."""

    review_site_url: BaseUrl | None = None
    """Base URL of the local review site; None if there is no such site."""

    _google_account: GoogleAccount | None = PrivateAttr(None)

    def create_google_business(self) -> GoogleBusiness | None:
        """Returns a new adapter, which the caller must close; None if no service account is configured."""
        if self._google_account is None:
            return None
        return GoogleBusiness(self._google_account, self.google_url, overwrite=self.google_overwrite)

    @model_validator(mode="after")
    def _load_google_account(self) -> Self:
        if self.google_credentials_file is None:
            return self
        url = urlsplit(self.google_url)
        if url.scheme != "https" and not is_local(f"{url.hostname}:0"):
            raise ValueError(f"CARE_GOOGLE_URL: tokens would go to {self.google_url} unencrypted: use an https URL")
        try:
            self._google_account = GoogleAccount.load(self.google_credentials_file, DEFAULT_DEADLINE)
        except ValueError as error:
            raise ValueError(f"CARE_GOOGLE_CREDENTIALS_FILE: {error}") from None
        return self
