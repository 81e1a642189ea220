"""Every word that a customer reads, in English. A further language is a further catalog with the same keys."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

ENGLISH: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Around every page.
        "title.error": "Error: {title}",
        "footer": "This page sets no cookies and loads nothing from other sites.",
        "business": "This business",
        # The form, as it is first opened.
        "form.title": "{business} would like to put things right",
        "form.greeting": "We’d like to put things right",
        "form.kicker": "Public reply to a review",
        "form.skip": "Go to the form",
        "form.heading": "How can we reach you?",
        "form.lead": "Leave an email address or a phone number. One is enough.",
        "form.private": "The link to this page is public. What you write isn’t: only the team at {business} sees it.",
        "form.until": "You can use this form until",
        # Somebody has answered it.
        "answered.title": "{business} has contact details already",
        "answered.greeting": "We have contact details already",
        "answered.lead": "Somebody has filled in this form. If it was you, all is done: we’ll get in touch.",
        "answered.invite": "Wasn’t that you, or did something change?",
        "answered.open": "Leave your own details",
        # The fields.
        "email.label": "Email address",
        "phone.label": "Phone number",
        "phone.hint": "Start with the country code, such as +44.",
        "phone.hint.region": "If it’s from another country, start with its code, such as +44.",
        "display_name.label": "Your name",
        "message.label": "Anything you’d like to say",
        "message.hint": "Please leave out passwords and card numbers.",
        "optional": "optional",
        "consent.earlier": "I agree to the use of my details as the form described it before I sent it.",
        "submit": "Send my details",
        "submit.again": "Send again",
        # What is wrong with a field; the service checks, these say what to do.
        "errors.heading": "Please check what you entered",
        "errors.prefix": "Error:",
        "errors.contact": "Enter an email address or a phone number",
        "errors.email": "Enter an email address in full, like name@example.com",
        "errors.phone": "Enter a whole phone number with its country code, like +44 20 7946 0958",
        "errors.phone.region": "Enter the whole phone number with its area code, or with the code of another country",
        "errors.display_name": "Enter a name of at most 200 characters on one line, or leave it out",
        "errors.message": "Enter a message of at most 4,000 characters, or leave it out",
        "errors.consent": "Tick the box if you agree; without it we can’t use your details",
        "errors.other": "Something in the form could not be read. Check it and send it again",
        # It was sent.
        "thanks.title": "Thank you, your details have arrived",
        "thanks.lead": "The team at {business} will use them to get in touch with you.",
        "thanks.lead.unnamed": "The team will use them to get in touch with you.",
        "thanks.close": "You can close this page now.",
        "thanks.more": "Change or add something",
        # It has ended.
        "expired.title": "This form has closed",
        "expired.lead": "It took answers until",
        "withdrawn.title": "This form is no longer in use",
        "withdrawn.lead": "{business} has taken it back, so it takes no more answers.",
        "replaced.title": "This form is no longer needed",
        "replaced.lead": "{business} is in touch with the customer in another way. If that’s you, carry on there.",
        "closed.title": "This case has been closed",
        "closed.lead": "{business} has closed the case, so this form takes no more answers.",
        "ended.elsewhere": "You can still contact {business} directly, the way you usually would.",
        # It can't be taken or shown just now.
        "busy.title": "Please wait a moment",
        "busy.lead": "Many answers came within a short time. Wait {wait}, then send yours again.",
        "down.title": "We can’t take your answer just now",
        "down.lead": "Wait {wait}, then send it again. Sending twice does no harm.",
        "kept": "What you typed is still here.",
        "unavailable.title": "This page can’t be shown just now",
        "unavailable.lead": "Your link still works. Wait {wait}, then try again.",
        "unavailable.retry": "Try again",
        # There is no such page.
        "unknown.title": "We don’t know this link",
        "unknown.lead": "Links like this are long, and their end is easily cut off.",
        "unknown.advice": "Go back to the reply and open the link from there, or copy all of it.",
        "root.title": "Nothing to fill in here",
        "root.lead": "Businesses link to their own form when they reply to a review.",
        "root.advice": "To get to yours, open the link in the reply.",
        "missing.title": "There is no such page",
        "missing.lead": "The address may be mistyped.",
        "missing.advice": "If a reply to your review brought you here, open the link from there once more.",
        # The request was none that the pages make.
        "large.title": "That is too long to send",
        "large.lead": "Go back, shorten your message to at most 4,000 characters, and send it again.",
        "unreadable.title": "This could not be read",
        "unreadable.lead": "Please open the link in the reply and use the form there.",
        "broken.title": "Something went wrong on our side",
        "broken.lead": "It has been noted. Please try again in a few minutes.",
    }
)
"""The catalog: texts by key; ``{business}``, ``{wait}`` and ``{title}`` are filled in."""

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SECONDS_SAID_AS_FEW: Final = 20
_SECONDS_OF_MINUTE: Final = 60


def describe_wait(seconds: int) -> str:
    """Return a time to wait in words, never shorter than ``seconds``."""
    if seconds <= _SECONDS_SAID_AS_FEW:
        return f"{_SECONDS_SAID_AS_FEW} seconds"
    minutes = math.ceil(seconds / _SECONDS_OF_MINUTE)
    return "a minute" if minutes == 1 else f"{minutes} minutes"


def describe_time(moment: datetime) -> str:
    """Return an aware time in words, in UTC: where the reader is, nobody knows."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {_MONTHS[utc.month - 1]} {utc.year}, {utc:%H:%M} UTC"
