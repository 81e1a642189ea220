"""Each metric and search attribute is documented and set, and each variable is explained. The docs name no others."""

from __future__ import annotations

import re

import pytest
from temporalio.common import SearchAttributeKey

from care_client import workflow_names
from care_roles.environment import PREFIX, VARIABLES, RoleSettings
from care_service import metrics
from care_service.metrics import Metrics
from care_service.running.configuration import ServiceSettings
from care_web.configuration import WebConfiguration
from care_workflows import search_attributes
from care_workflows.messenger_settings import MessengerSettings
from care_workflows.review_site_settings import ReviewSiteSettings
from care_workflows.search_attributes import SEARCH_ATTRIBUTES
from care_workflows.worker import WorkerSettings
from tests.unit.vocabulary.source import PACKAGES, ROOT

OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
DOCS = "\n".join(
    page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
)
CODE = {
    path: path.read_text(encoding="utf-8")
    for package in (*PACKAGES, "examples")
    for path in sorted((ROOT / package).rglob("*.py"))
}
OF_CARE_TICKET = {"CARE_ORGANIZATION"}
"""Variables that no role reads, only `care ticket`."""


def rows(section: str) -> set[str]:
    """Returns the words in backticks in the first column of the section's first table."""
    table = OPERATING.partition(f"\n## {section}\n")[2].partition("|---")[2].partition("\n\n")[0]
    return {word for row in table.splitlines() for word in re.findall(r"`([^`]+)`", row.split("|")[1:2][0])}


def exposed_metrics() -> set[str]:
    """Returns the metrics by their names in Prometheus."""
    families = [family for family in Metrics().registry.collect() if family.name != "python_info"]
    return {f"{family.name}_total" if family.type == "counter" else family.name for family in families}


def test_each_metric_is_documented() -> None:
    named = rows("Metrics")
    prefix = "care_database_pool"
    assert {name.replace("…", prefix) for name in named} == exposed_metrics()


@pytest.mark.parametrize("name", [name for name, value in vars(Metrics()).items() if name != "registry"])
def test_each_metric_is_set(name: str) -> None:
    inside = CODE[next(path for path in CODE if str(path) == metrics.__file__)]
    outside = [text for path, text in CODE.items() if str(path) != metrics.__file__]
    # A private metric is set by a method of the class.
    used = inside.count(f"self.{name}") > 1 if name.startswith("_") else any(f".{name}" in text for text in outside)
    assert used


def test_each_search_attribute_is_registered_and_documented() -> None:
    keys = {value.name for value in vars(search_attributes).values() if isinstance(value, SearchAttributeKey)}
    shared = {value for name, value in vars(workflow_names).items() if name.endswith("_ATTRIBUTE")}
    assert keys | shared == SEARCH_ATTRIBUTES.keys()
    assert rows("Search attributes") == SEARCH_ATTRIBUTES.keys()


def test_each_search_attribute_is_set() -> None:
    names = [name for name, value in vars(search_attributes).items() if isinstance(value, SearchAttributeKey)]
    for name in names:
        # A workflow changes the attribute, or the start of the workflow sets it.
        uses = [
            text for text in CODE.values() if re.search(rf"\b(_update\({name}|SearchAttributePair\(_{name})\b", text)
        ]
        assert uses, f"{name} is never set"


def variables(*roles: type[RoleSettings]) -> set[str]:
    return {f"{PREFIX}{name.upper()}" for settings in roles for name in settings.model_fields}


def test_each_variable_of_a_role_is_explained() -> None:
    assert variables(ServiceSettings, WorkerSettings, WebConfiguration) | OF_CARE_TICKET == VARIABLES.keys()


def test_each_variable_of_a_channel_is_documented() -> None:
    page = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")
    assert {name for name in variables(ReviewSiteSettings, MessengerSettings) if f"`{name}`" not in page} == set()


def test_each_variable_in_the_docs_exists() -> None:
    assert set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", DOCS)) <= VARIABLES.keys()
