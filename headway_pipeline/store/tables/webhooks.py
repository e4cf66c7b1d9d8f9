"""What deliveries of webhooks are held against, and how many came to what."""

import sqlalchemy as sa

from headway_pipeline.store.tables.columns import (
    JSON_TYPE,
    METADATA,
    DashedUuid,
    created_at,
    workspace_id,
)
from headway_pipeline.store.tables.messages import of_connector

__all__ = ["connector_webhooks", "webhook_counts"]

# One row a connector whose source delivers. The secret, or the public key, is sealed like credentials.
connector_webhooks = sa.Table(
    "connector_webhooks",
    METADATA,
    sa.Column("connector_id", DashedUuid(), primary_key=True),
    workspace_id(),
    sa.Column("secret", JSON_TYPE, nullable=False),
    # The address the source was told to deliver to.
    sa.Column("url", sa.Text, nullable=False),
    # The source's id of the webhook, where its API made it.
    sa.Column("remote_id", sa.Text),
    created_at(),
    of_connector(),
)

# How many deliveries came to what, by day; a row a day, connector and outcome, however many are sent.
webhook_counts = sa.Table(
    "webhook_counts",
    METADATA,
    workspace_id(),
    sa.Column("connector_id", DashedUuid(), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("outcome", sa.String(20), primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    of_connector(),
)
