"""Says in one line what is wrong with a JSON document that pydantic refused."""

from pydantic import ValidationError
from pydantic_core import PydanticCustomError


def field_fault(field: str, message: str) -> PydanticCustomError:
    """Return the error for a validator of a whole object to raise: it blames ``field``."""
    # The message goes in as a parameter, because braces in a template are placeholders.
    return PydanticCustomError("field_fault", "{message}", {"field": field, "message": message})


def describe_fault(error: ValidationError) -> str:
    """Return where the first fault is and what it is, as in ``reviews[3].name: Field required (and 2 more)``.

    The faulty value is left out: it may be long, or somebody's words.
    """
    faults = error.errors(include_url=False, include_input=False)
    fault = faults[0]
    path = [*fault["loc"], *([fault["ctx"]["field"]] if fault["type"] == "field_fault" else [])]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{place or 'document'}: {fault['msg'].removeprefix('Value error, ')}{more}"
