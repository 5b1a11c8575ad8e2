"""Jobs may have a result that is more than a message."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Go to this version."""
    op.add_column("jobs", sa.Column("result", sa.Text(), nullable=True))


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_column("jobs", "result")
