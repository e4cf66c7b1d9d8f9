"""Which rows a transaction may touch: one workspace's, or every workspace's, enforced by the database.

`scope.py` says what there is, `rights.py` what a workspace may do with which table. `postgresql.py` has the server
enforce it by roles and row-level security, `sqlite.py` by views and triggers of the connection.
"""

from headway_pipeline.store.isolation.scope import LOGIN, TENANT_ROLE, WORKER, WORKER_ROLE, Scope, tenant

__all__ = ["LOGIN", "TENANT_ROLE", "WORKER", "WORKER_ROLE", "Scope", "tenant"]
