"""Checks and normalizes email addresses and phone numbers."""

from __future__ import annotations

from care_rules.refusals import Violation, invalid

MAX_EMAIL = 254
"""Characters (RFC 5321, section 4.5.3.1.3, less the angle brackets)."""
MAX_PHONE = 40
"""Characters as typed; E.164 itself has at most 15 digits."""


def normalize_email(email: str, field: str = "email") -> str:
    """Returns the address in its normal form; empty stays empty. Makes no DNS query.

    Refuses with INVALID_FIELD if the address is too long or not valid.
    """
    if not (email := email.strip()):
        return ""
    if len(email) > MAX_EMAIL:
        raise invalid(Violation(field, f"is longer than {MAX_EMAIL} characters"))
    # Only contacts need this library and `phonenumbers`. Importing both at the start would take a fortieth of the time
    # to start.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415

    try:
        return validate_email(email, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise invalid(Violation(field, "is not a valid email address; write it like name@example.com")) from error


def normalize_phone(phone: str, region: str, field: str = "phone") -> str:
    """Returns the number in E.164 form; empty stays empty.

    `region` (ISO 3166-1 alpha-2, or empty) applies to numbers without a country code. Refuses with INVALID_FIELD if the
    number is too long or not valid.
    """
    if not (phone := phone.strip()):
        return ""
    example = "write it with the country code, like +1 415 555 0123"
    if len(phone) > MAX_PHONE:
        raise invalid(Violation(field, f"is longer than {MAX_PHONE} characters; {example}"))
    import phonenumbers  # noqa: PLC0415 - see `normalize_email`

    try:
        number = phonenumbers.parse(phone, region or None)
    except phonenumbers.NumberParseException as error:
        raise invalid(Violation(field, f"is not a phone number; {example}")) from error
    if not phonenumbers.is_valid_number(number) or number.extension:
        raise invalid(Violation(field, f"is not a valid phone number; {example}"))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def require_one(email: str, phone: str) -> None:
    """Refuses with INVALID_FIELD if both are empty."""
    if not email and not phone:
        problem = "give an email address, a phone number or both"
        raise invalid(Violation("email", problem), Violation("phone", problem))
