"""What every language has to say: the keys of the catalogs, so that mypy finds a text that is missing or too many.

In the texts, ``{business}``, ``{time}``, ``{wait}`` and ``{title}`` are filled in by the page, ``{code}`` and
``{address}`` by the catalog's own examples. A key that ends in ``.unnamed`` stands in for the one without that ending
where the business has no name: most languages would not let any other noun take the place of a name.
"""

from typing import TypedDict

Catalog = TypedDict(
    "Catalog",
    {
        # Around every page.
        "title.error": str,
        "footer": str,
        "languages": str,
        # The form, as it is first opened.
        "form.title": str,
        "form.title.unnamed": str,
        "form.greeting": str,
        "form.kicker": str,
        "form.skip": str,
        "form.heading": str,
        "form.lead": str,
        "form.private": str,
        "form.private.unnamed": str,
        "form.until": str,
        # Somebody has answered it.
        "answered.title": str,
        "answered.title.unnamed": str,
        "answered.greeting": str,
        "answered.lead": str,
        "answered.invite": str,
        "answered.open": str,
        # The business has closed the case; an answer brings it up again.
        "closed.title": str,
        "closed.title.unnamed": str,
        "closed.greeting": str,
        "closed.lead": str,
        # The fields.
        "email.label": str,
        "phone.label": str,
        "phone.hint": str,
        "phone.hint.region": str,
        "display_name.label": str,
        "message.label": str,
        "message.hint": str,
        "optional": str,
        "consent.earlier": str,
        "submit": str,
        "submit.again": str,
        "example.address": str,
        "example.code": str,
        # What is wrong with a field; the service checks, these say what to do.
        "errors.heading": str,
        "errors.prefix": str,
        "errors.contact": str,
        "errors.email": str,
        "errors.phone": str,
        "errors.phone.region": str,
        "errors.display_name": str,
        "errors.message": str,
        "errors.consent": str,
        "errors.other": str,
        # It was sent.
        "thanks.title": str,
        "thanks.lead": str,
        "thanks.lead.unnamed": str,
        "thanks.reference": str,
        "thanks.reference.hint": str,
        "thanks.close": str,
        "thanks.more": str,
        # It has ended.
        "expired.title": str,
        "expired.lead": str,
        "expired.lead.timeless": str,
        "withdrawn.title": str,
        "withdrawn.lead": str,
        "withdrawn.lead.unnamed": str,
        "replaced.title": str,
        "replaced.lead": str,
        "replaced.lead.unnamed": str,
        "ended.elsewhere": str,
        "ended.elsewhere.unnamed": str,
        # It can't be taken or shown just now.
        "busy.title": str,
        "busy.lead": str,
        "down.title": str,
        "down.lead": str,
        "kept": str,
        "unavailable.title": str,
        "unavailable.lead": str,
        "unavailable.retry": str,
        # There is no such page.
        "unknown.title": str,
        "unknown.lead": str,
        "unknown.advice": str,
        "root.title": str,
        "root.lead": str,
        "root.advice": str,
        "missing.title": str,
        "missing.lead": str,
        "missing.advice": str,
        # The request was none that the pages make.
        "large.title": str,
        "large.lead": str,
        "unreadable.title": str,
        "unreadable.lead": str,
        "broken.title": str,
        "broken.lead": str,
        # How a time of day in UTC is written; the reader's own zone is not known.
        "utc": str,
    },
)
"""The texts of one language by key."""
