"""The errors of adapters contain only Care's reason code wherever a workflow history could record them."""

import copy
import pickle
import traceback

import pytest

from care_workflows.channels.errors import (
    PROVIDER_MESSAGE_LIMIT,
    RefusalReason,
    ReplyRefused,
    ReviewSiteError,
    SiteUnavailable,
    UnavailableReason,
)
from care_workflows.channels.review_site import PublicReply

SECRET = "Dear Kim, https://example.com/f/k1.secret"


@pytest.mark.parametrize("reason", RefusalReason)
def test_a_refusal_shows_only_its_reason(reason: RefusalReason) -> None:
    error = ReplyRefused(reason, SECRET)
    assert (str(error), error.args, error.reason) == (reason.value, (reason.value,), reason)
    assert repr(error) == f"ReplyRefused('{reason.value}')"
    assert type(error.args[0]) is str
    assert "Kim" not in "".join(traceback.format_exception(error))
    assert error.provider_message == SECRET


@pytest.mark.parametrize("reason", UnavailableReason)
def test_an_outage_shows_only_its_reason(reason: UnavailableReason) -> None:
    error = SiteUnavailable(reason)
    assert (str(error), error.args, error.reason) == (reason.value, (reason.value,), reason)


@pytest.mark.parametrize(
    "error", [ReplyRefused(RefusalReason.OTHER, "message"), SiteUnavailable(UnavailableReason.TIMEOUT)]
)
def test_copies_are_equal(error: ReviewSiteError) -> None:
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - pickled in the same line
        assert type(twin) is type(error)
        assert (twin.args, vars(twin)) == (error.args, vars(error))


def test_the_message_of_the_site_is_cut_to_a_maximum_length() -> None:
    assert len(ReplyRefused(RefusalReason.OTHER, "x" * 10_000).provider_message) == PROVIDER_MESSAGE_LIMIT


def test_a_reply_does_not_show_its_text() -> None:
    assert "Kim" not in repr(PublicReply(SECRET))
