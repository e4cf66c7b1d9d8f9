"""The first revision at which workspaces are kept apart by the database.

No table changes. Roles, rights and policies are made after every upgrade, by `store/isolation/postgresql.py`.
"""

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing: what belongs to this revision is made for all tables at once, after the last one."""
