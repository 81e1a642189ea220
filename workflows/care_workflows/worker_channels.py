"""Opens the adapters that the variables of `care work` configure."""

from contextlib import AsyncExitStack
from typing import Final

from care_roles import logs
from care_workflows.channels.local_site import LocalReviewSite
from care_workflows.channels.messenger import Messenger
from care_workflows.channels.registry import Messengers, ReviewSites
from care_workflows.channels.review_site import ReviewSite
from care_workflows.channels.sms import TwilioSms
from care_workflows.channels.smtp import SmtpEmail
from care_workflows.channels.webhook import SignedWebhook
from care_workflows.messenger_settings import CHANNELS, MessengerSettings
from care_workflows.review_site_settings import ReviewSiteSettings

LOCAL_SITE: Final = "local"
"""Name of the local review site in ``Review.site``."""

GOOGLE_SITE: Final = "google"
"""Name of Google Business Profile in ``Review.site``."""

SITES: Final = {GOOGLE_SITE: "CARE_GOOGLE_CREDENTIALS_FILE", LOCAL_SITE: "CARE_REVIEW_SITE_URL"}
"""The review sites, each with the variable that configures its adapter."""

_log = logs.get_logger(__name__)


async def open_review_sites(settings: ReviewSiteSettings, stack: AsyncExitStack) -> ReviewSites:
    """Returns the configured review sites; ``stack`` closes them."""
    sites: dict[str, ReviewSite] = {}
    if settings.review_site_url:
        sites[LOCAL_SITE] = await stack.enter_async_context(LocalReviewSite(settings.review_site_url))
    if google := settings.create_google_business():
        sites[GOOGLE_SITE] = await stack.enter_async_context(google)
    if not sites:
        to_do = f"set {' or '.join(SITES.values())}"
        _log.warning("no review site configured: replies will be refused as NOT_PERMITTED", to_do=to_do)
    return ReviewSites(sites)


async def open_messengers(settings: MessengerSettings, stack: AsyncExitStack) -> Messengers:
    """Returns the configured messengers; ``stack`` closes those that keep connections."""
    messengers: dict[str, Messenger] = {}
    if settings.smtp_server is not None:
        messengers["EMAIL"] = SmtpEmail(settings.smtp_server)
    if settings.sms is not None:
        messengers["SMS"] = await stack.enter_async_context(TwilioSms(settings.sms))
    if settings.webhook is not None:
        for channel in settings.webhook_channels:
            messengers[channel] = await stack.enter_async_context(SignedWebhook(settings.webhook, channel))
    for channel, variable in CHANNELS.items():
        if channel not in messengers:
            to_do = f"set {variable} or CARE_WEBHOOK_URL"
            _log.warning("channel not configured: its messages will fail as NO_CHANNEL", channel=channel, to_do=to_do)
    return Messengers(messengers)
