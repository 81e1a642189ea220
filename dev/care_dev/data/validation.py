"""Turns pydantic's validation errors into messages of one line."""

from pydantic import ValidationError
from pydantic_core import PydanticCustomError


def field_error(field: str, message: str) -> PydanticCustomError:
    """Returns an error about `field`, to be raised by a validator of the whole object."""
    # The message is a parameter, because pydantic would read braces in a template as placeholders.
    return PydanticCustomError("field_error", "{message}", {"field": field, "message": message})


def describe_validation_error(error: ValidationError) -> str:
    """Returns the place and the message of the first error, such as `reviews[3].name: Field required (and 2 more)`.

    The invalid value is left out, because it may be long or personal.
    """
    errors = error.errors(include_url=False, include_input=False)
    first = errors[0]
    path = [*first["loc"], *([first["ctx"]["field"]] if first["type"] == "field_error" else [])]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{place or 'document'}: {first['msg'].removeprefix('Value error, ')}{more}"
