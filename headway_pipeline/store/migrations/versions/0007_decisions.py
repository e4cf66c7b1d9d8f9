"""Decisions stand once each, extracted features keep where the analyst files them and can be searched."""

from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from headway_pipeline.store.searching import search_text
from headway_pipeline.store.tables import columns

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
ASPECTS = {"verdict": "kind IN ('accept', 'dismiss')", "move": "kind = 'move'"}
ROWS_AT_ONCE = 500


def upgrade() -> None:
    """Add the columns and indexes, and fill them for what was found before."""
    _let_decisions_stand_once()
    op.add_column("extracted_features", sa.Column("search_text", sa.Text, nullable=False, server_default=""))
    op.add_column("extracted_features", sa.Column("matched_theme_id", columns.DashedUuid()))
    op.add_column("extracted_features", sa.Column("best_themes", JSON))
    _fill_matches()
    _fill_search_text()


def _let_decisions_stand_once() -> None:
    for kinds in ASPECTS.values():
        op.execute(
            f"DELETE FROM decisions WHERE {kinds} AND EXISTS (SELECT 1 FROM decisions AS newer "  # noqa: S608
            f"WHERE newer.{kinds} AND newer.extracted_feature_id = decisions.extracted_feature_id "
            "AND (newer.created_at > decisions.created_at "
            "OR (newer.created_at = decisions.created_at AND newer.id > decisions.id)))"
        )
    with op.batch_alter_table("decisions") as table:
        table.drop_constraint(op.f("ck_decisions_theme"), type_="check")
        table.create_check_constraint(op.f("ck_decisions_theme"), "kind <> 'dismiss' OR theme_id IS NULL")
    for name, kinds in ASPECTS.items():
        where = sa.text(kinds)
        op.create_index(
            f"uq_decisions_{name}",
            "decisions",
            ["workspace_id", "extracted_feature_id"],
            unique=True,
            sqlite_where=where,
            postgresql_where=where,
        )


def _fill_matches() -> None:
    """What stands under a theme was put there by the analyst: nobody else could."""
    pair = (
        "jsonb_build_array(jsonb_build_array(theme_id, theme_score))"
        if op.get_bind().dialect.name == "postgresql"
        else "json_array(json_array(theme_id, theme_score))"
    )
    op.execute(
        "UPDATE extracted_features SET "  # noqa: S608
        "matched_theme_id = (SELECT theme_id FROM features WHERE extracted_feature_id = extracted_features.id), "
        f"best_themes = (SELECT {pair} FROM features WHERE extracted_feature_id = extracted_features.id) "
        "WHERE EXISTS (SELECT 1 FROM features WHERE extracted_feature_id = extracted_features.id)"
    )


def _fill_search_text() -> None:
    connection = op.get_bind()
    rows = connection.execute(
        sa.text(
            "SELECT items.id, items.title, items.description, evidence.quote FROM extracted_features AS items "
            "LEFT JOIN evidence ON evidence.extracted_feature_id = items.id ORDER BY items.id, evidence.position"
        )
    ).all()
    values: list[dict[str, Any]] = []
    for key, spans in groupby(rows, key=lambda row: row.id):
        found = list(spans)
        quotes = [row.quote for row in found if row.quote is not None]
        values.append({"id": key, "words": search_text(found[0].title, found[0].description, quotes)})
    statement = sa.text("UPDATE extracted_features SET search_text = :words WHERE id = :id")
    for start in range(0, len(values), ROWS_AT_ONCE):
        connection.execute(statement, values[start : start + ROWS_AT_ONCE])
