"""Adds settings of organizations and locations, their revisions, and the locations of agents."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FORM_LIFETIME = "interval '30 days'"
CONSENT = "I agree that you use these details to contact me about my review, and for nothing else."
GREETING = "Thank you for getting in touch. You can write to us privately here: {chat_link}"


def upgrade() -> None:
    """Applies the change. Values that differ from the defaults become settings."""
    for table in ("organizations", "locations"):
        op.add_column(table, sa.Column("settings", postgresql.JSONB(), nullable=False, server_default="{}"))
        op.add_column(table, sa.Column("settings_revision", sa.Integer(), nullable=False, server_default="0"))
    # A duration in ISO 8601 format, in seconds.
    organizations = sa.text(f"""
        UPDATE organizations SET settings = jsonb_strip_nulls(jsonb_build_object(
          'form_lifetime', CASE WHEN form_lifetime <> {FORM_LIFETIME}
            THEN 'PT' || round(extract(epoch FROM form_lifetime)) || 'S' END,
          'consent_text', nullif(consent_text, :consent),
          'chat_greeting', nullif(chat_greeting, :greeting)
        ))
    """)
    op.execute(organizations.bindparams(consent=CONSENT, greeting=GREETING))
    op.execute("""
        UPDATE locations SET settings = jsonb_build_object('preferred_channel', preferred_channel)
        WHERE preferred_channel IS NOT NULL
    """)
    for column in ("form_lifetime", "consent_text", "chat_greeting"):
        op.drop_column("organizations", column)
    op.drop_column("locations", "preferred_channel")
    op.add_column("agents", sa.Column("locations", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}"))
    for table, column in (
        *((table, column) for table in ("organizations", "locations") for column in ("settings", "settings_revision")),
        ("agents", "locations"),
    ):
        op.alter_column(table, column, server_default=None)
    op.create_table(
        "settings_revisions",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("changes", postgresql.JSONB(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization", "location", "number", name="pk_settings_revisions"),
        comment="Every change of settings; those of the organization have an empty location.",
    )


def downgrade() -> None:
    """Reverts the change. Settings that had no column before and all revisions are lost."""
    op.drop_table("settings_revisions")
    op.drop_column("agents", "locations")
    op.add_column("locations", sa.Column("preferred_channel", sa.Text(), nullable=True))
    op.execute("UPDATE locations SET preferred_channel = settings ->> 'preferred_channel'")
    op.add_column("organizations", sa.Column("form_lifetime", sa.Interval(), nullable=True))
    op.add_column("organizations", sa.Column("consent_text", sa.Text(), nullable=True))
    op.add_column("organizations", sa.Column("chat_greeting", sa.Text(), nullable=True))
    organizations = sa.text(f"""
        UPDATE organizations SET
          form_lifetime = coalesce((settings ->> 'form_lifetime')::INTERVAL, {FORM_LIFETIME}),
          consent_text = coalesce(settings ->> 'consent_text', :consent),
          chat_greeting = coalesce(settings ->> 'chat_greeting', :greeting)
    """)
    op.execute(organizations.bindparams(consent=CONSENT, greeting=GREETING))
    for column in ("form_lifetime", "consent_text", "chat_greeting"):
        op.alter_column("organizations", column, nullable=False)
    for table in ("locations", "organizations"):
        op.drop_column(table, "settings_revision")
        op.drop_column(table, "settings")
