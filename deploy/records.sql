-- Run once by an empty PostgreSQL. Dagster's records are a database of their own: PgBouncer takes no search path.
CREATE DATABASE headway_dagster;
