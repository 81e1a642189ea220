"""A worker finds the adapter of a site by the review's site name."""

import pytest

from care_workflows.channels.errors import RefusalReason, ReplyRefused
from care_workflows.channels.local_site import LocalReviewSite
from care_workflows.channels.registry import ReviewSites


def test_a_registered_site_is_found() -> None:
    local = LocalReviewSite("http://127.0.0.1:1")
    sites = ReviewSites({"local": local, "another": LocalReviewSite("http://127.0.0.1:2")})
    assert sites.get("local") is local
    assert sites.names == ("another", "local")


@pytest.mark.parametrize(("names", "listed"), [(["b", "a"], "a, b"), ([], "none")])
def test_an_unknown_site_is_refused_with_the_names_of_the_known_ones(names: list[str], listed: str) -> None:
    sites = ReviewSites({name: LocalReviewSite("http://127.0.0.1:1") for name in names})
    with pytest.raises(ReplyRefused) as refused:
        sites.get("google")
    assert refused.value.reason is RefusalReason.NOT_PERMITTED
    assert "'google'" in refused.value.provider_message
    assert f"it has: {listed}." in refused.value.provider_message
    assert refused.value.args == ("NOT_PERMITTED",)
    assert refused.value.__context__ is None
