"""Reviews that these tests load."""

from datetime import UTC, datetime
from typing import Final

from care_dev.data.reviews import GoogleReview, Reviewer, StarRating

ODD_ID: Final = "a/b c?d=e#f%2Fé/reply"
"""An id that has another meaning in a URL unless it is completely quoted."""


def review(
    review_id: str, *, comment: str = "Cold soup.", author: str = "Kim P.", update_time: datetime | None = None
) -> GoogleReview:
    """Returns a review with one star for the location `soho`."""
    written = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return GoogleReview(
        name=f"accounts/1/locations/soho/reviews/{review_id}",
        review_id=review_id,
        star_rating=StarRating.ONE,
        create_time=written,
        update_time=update_time or written,
        reviewer=Reviewer(display_name=author),
        comment=comment,
    )
