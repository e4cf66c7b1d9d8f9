"""One workspace on PostgreSQL: two roles, and policies on every table that has rows of workspaces.

A transaction takes its role and its workspace by `set_config(..., true)`, so both end with it, behind a pooler of
transactions, too (https://www.postgresql.org/docs/current/ddl-rowsecurity.html). A role that is taken confines a
superuser and the owner as well; without one even the owner reads nothing, for row-level security is forced. All of it
is made anew after every upgrade of the tables, so that a new table cannot be forgotten.
"""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ProgrammingError

from headway_pipeline.model.errors import ConfigurationError
from headway_pipeline.store.isolation.rights import EVERYTHING, rights_in_workspace, tenant_tables, workspace_column
from headway_pipeline.store.isolation.scope import TENANT_ROLE, WORKER_ROLE, Scope
from headway_pipeline.store.tables import METADATA

__all__ = ["ROLES_REMEDY", "enter", "gaps", "isolate", "lift", "roles_sql"]

ROLES_REMEDY = "have an administrator of the server run what `headway db roles` prints, then `headway db upgrade`"
#: The SQLSTATE of a right that is missing.
INSUFFICIENT_PRIVILEGE = "42501"

#: The login may be found by the schema of its name: the role that is taken must find the same tables.
_ENTER = (
    "SELECT set_config('search_path', quote_ident(current_schema()), true), "
    "set_config('headway.workspace_id', %s, true), set_config('role', %s, true)"
)
#: Not as a query of its own: the planner reads the setting, and knows how many rows the workspace has.
_OWN = "nullif(current_setting('headway.workspace_id', true), '')::uuid"

_MAKE_ROLES = f"""
DO $do$
DECLARE
  made text;
BEGIN
  FOREACH made IN ARRAY ARRAY['{TENANT_ROLE}', '{WORKER_ROLE}'] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = made) THEN
      BEGIN
        EXECUTE 'CREATE ROLE ' || made || ' NOLOGIN';
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL; -- made at the same moment for another database of the server
      END;
    END IF;
  END LOOP;
END $do$
"""

_GRANT_ROLES = f"""
DO $do$
BEGIN
  IF current_setting('server_version_num')::int >= 160000 THEN
    EXECUTE 'GRANT {TENANT_ROLE}, {WORKER_ROLE} TO ' || quote_ident({{login}}) || ' WITH INHERIT FALSE, SET TRUE';
  ELSE
    EXECUTE 'GRANT {TENANT_ROLE}, {WORKER_ROLE} TO ' || quote_ident({{login}});
  END IF;
END $do$
"""

_MAY_TAKE_ROLES = f"""
SELECT bool_and(pg_has_role(current_user, made, CASE
  WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END))
FROM unnest(ARRAY['{TENANT_ROLE}', '{WORKER_ROLE}']) AS made
"""

#: A policy that says what one of the roles may see; an operator's own, for further logins, are left alone.
_OF_OURS = f"polroles && ARRAY[0, '{TENANT_ROLE}'::regrole, '{WORKER_ROLE}'::regrole]::oid[]"

#: What stands of each table: row-level security, policies, rights of the two roles.
_STANDING = f"""
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
  ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid AND {_OF_OURS} ORDER BY polname) AS policies,
  ARRAY(SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p
    WHERE has_table_privilege('{TENANT_ROLE}', c.oid, p)) AS of_tenant,
  ARRAY(SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p
    WHERE has_table_privilege('{WORKER_ROLE}', c.oid, p)) AS of_worker
FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
"""


def enter(connection: Connection, scope: Scope) -> None:
    """Confine the transaction that has just begun; one round trip."""
    if scope.role is not None:
        workspace_id = "" if scope.workspace_id is None else str(scope.workspace_id)
        connection.exec_driver_sql(_ENTER, (workspace_id, scope.role))


def roles_sql(login: str) -> str:
    """What an administrator runs so that `login` may work; safe to repeat."""
    return f"{_MAKE_ROLES.strip()};\n{_GRANT_ROLES.strip().format(login=_quoted(login))};\n"


def lift(connection: Connection) -> None:
    """Let the owner see every row until `isolate`: a migration that changes rows must find them all."""
    forced = sa.text(
        "SELECT relname FROM pg_class WHERE relforcerowsecurity AND relnamespace = current_schema()::regnamespace"
    )
    for name in connection.execute(forced).scalars().all():
        connection.exec_driver_sql(f'ALTER TABLE "{name}" NO FORCE ROW LEVEL SECURITY')


def isolate(connection: Connection) -> None:
    """Make roles, rights and policies as this program needs them; the login must own the tables.

    Raises:
        ConfigurationError: the roles are missing, or not the login's to take, and the login may not make it so.
    """
    _ensure_roles(connection)
    for statement in _statements(connection):
        connection.exec_driver_sql(statement)


def gaps(connection: Connection) -> list[str]:
    """What of the isolation does not stand, a sentence each; nothing where all is well."""
    roles = sa.text("SELECT count(*) FROM pg_roles WHERE rolname IN (:tenant, :worker)")
    if connection.execute(roles, {"tenant": TENANT_ROLE, "worker": WORKER_ROLE}).scalar_one() != 2:
        return [f"the roles {TENANT_ROLE} and {WORKER_ROLE} are not there"]
    found = []
    if not connection.exec_driver_sql(_MAY_TAKE_ROLES).scalar_one():
        found.append(f"the login may not take the roles {TENANT_ROLE} and {WORKER_ROLE}")
    standing = {row.relname: row for row in connection.exec_driver_sql(_STANDING)}
    for name, table in sorted(METADATA.tables.items()):
        if name not in standing:
            found.append(f"there is no table {name}")
            continue
        row, is_tenants = standing[name], workspace_column(table) is not None
        if is_tenants and not (row.relrowsecurity and row.relforcerowsecurity):
            found.append(f"row-level security of {name} is not forced")
        if is_tenants and row.policies != ["tenant", "worker"]:
            found.append(f"the policies of {name} are {', '.join(row.policies) or 'missing'}")
        if set(row.of_tenant) != set(rights_in_workspace(table)) or set(row.of_worker) != set(EVERYTHING):
            found.append(f"the roles' rights on {name} are not as they should be")
    return found


def _ensure_roles(connection: Connection) -> None:
    try:
        connection.exec_driver_sql(_MAKE_ROLES)
        if not connection.exec_driver_sql(_MAY_TAKE_ROLES).scalar_one():
            connection.exec_driver_sql(_GRANT_ROLES.format(login="current_user"))
    except ProgrammingError as error:
        if getattr(error.orig, "pgcode", None) != INSUFFICIENT_PRIVILEGE:
            raise
        raise ConfigurationError(
            f"the roles {TENANT_ROLE} and {WORKER_ROLE} are not there for this login, which may not make them",
            ROLES_REMEDY,
        ) from error


def _statements(connection: Connection) -> Iterable[str]:
    schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    for role in (TENANT_ROLE, WORKER_ROLE):
        reachable = "SELECT has_schema_privilege(%s, current_schema(), 'USAGE')"
        if not connection.exec_driver_sql(reachable, (role,)).scalar_one():
            yield f"GRANT USAGE ON SCHEMA {schema} TO {role}"
    # A number; whoever opens the store asks for it before taking a role.
    yield "GRANT SELECT ON alembic_version TO PUBLIC"
    for name, table in sorted(METADATA.tables.items()):
        rights = rights_in_workspace(table)
        yield f'REVOKE ALL ON "{name}" FROM {TENANT_ROLE}, {WORKER_ROLE}'
        yield f'GRANT {", ".join(EVERYTHING)} ON "{name}" TO {WORKER_ROLE}'
        if rights:
            yield f'GRANT {", ".join(rights)} ON "{name}" TO {TENANT_ROLE}'
    for table in tenant_tables():
        yield f'ALTER TABLE "{table.name}" ENABLE ROW LEVEL SECURITY'
        yield f'ALTER TABLE "{table.name}" FORCE ROW LEVEL SECURITY'
        # Policies add up: one more would open what these two close.
        standing = f"SELECT polname FROM pg_policy WHERE polrelid = '\"{table.name}\"'::regclass AND {_OF_OURS}"
        for policy in connection.exec_driver_sql(standing).scalars().all():
            yield f'DROP POLICY "{policy}" ON "{table.name}"'
        yield _policy(table, "tenant", TENANT_ROLE, f"{workspace_column(table)} = {_OWN}")
        # Not simply true: a login that inherits the role, but has not taken it, sees nothing.
        yield _policy(table, "worker", WORKER_ROLE, f"current_user = '{WORKER_ROLE}'")


def _policy(table: sa.Table, name: str, role: str, condition: str) -> str:
    return f'CREATE POLICY {name} ON "{table.name}" TO {role} USING ({condition}) WITH CHECK ({condition})'


def _quoted(words: str) -> str:
    escaped = words.replace("'", "''")
    return f"'{escaped}'"
