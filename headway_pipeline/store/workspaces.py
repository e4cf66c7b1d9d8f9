"""Workspaces, connectors and themes: what people set up."""

import re
import unicodedata
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from headway_pipeline.model.errors import AlreadyExistsError, InputError, UnknownThingError
from headway_pipeline.model.features import Theme
from headway_pipeline.model.identity import derived_id
from headway_pipeline.model.workspaces import ReadingSettings, Workspace
from headway_pipeline.store.edits import write_edit
from headway_pipeline.store.engine import Database
from headway_pipeline.store.tables import themes, workspaces

__all__ = ["ThemeRow", "Themes", "Workspaces", "as_uuid", "is_slug"]

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
DOMAIN = re.compile(r"[^\W_](?:[\w.-]{0,251}[^\W_])?")


def as_uuid(named: str) -> uuid.UUID | None:
    """The UUID that is written, or None."""
    try:
        return uuid.UUID(named)
    except ValueError:
        return None


def is_slug(text: str) -> bool:
    """Whether a workspace may be called so; a row that people insert may hold anything."""
    return SLUG.fullmatch(text) is not None


def slug_of(name: str) -> str:
    """A slug made from a name: lower case without accents, what is no letter or digit becomes one dash.

    Empty where no letter of a to z and no digit is in it.
    """
    letters = (char for char in unicodedata.normalize("NFKD", name.lower()) if not unicodedata.combining(char))
    return re.sub(r"[^a-z0-9]+", "-", "".join(letters)).strip("-")[:63].strip("-")


def clean_domains(given: frozenset[str]) -> list[str]:
    """E-mail domains in one spelling.

    Raises:
        InputError: one is empty, or nobody's address can end with it.
    """
    domains = sorted({domain.strip().lower().lstrip("@") for domain in given})
    if not all(domains):
        raise InputError("an e-mail domain is empty", "give one like acme.example, or none")
    for domain in domains:
        # One that fits nobody would let the team's own people be quoted as customers.
        if not DOMAIN.fullmatch(domain):
            raise InputError(f"{domain!r} is no e-mail domain", "give one like acme.example")
    return domains


class Workspaces:
    """Teams."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def add(self, name: str, *, slug: str | None = None, vendor_domains: frozenset[str] = frozenset()) -> Workspace:
        """Add one.

        Raises:
            InputError: no usable slug.
            AlreadyExistsError: the slug is taken.
        """
        if not name.strip():
            raise InputError("a workspace needs a name", "give one, e.g. Acme")
        chosen = slug or slug_of(name)
        if not SLUG.fullmatch(chosen):
            words = f"{chosen!r} is no slug" if chosen else f"no slug can be made from {name!r}"
            raise InputError(f"{words} for a workspace", "use letters a-z, digits and dashes, e.g. --slug acme")
        domains = clean_domains(vendor_domains)
        row = {"id": derived_id("workspace", chosen), "slug": chosen, "name": name.strip(), "vendor_domains": domains}
        with self._database.writing() as connection:
            if connection.execute(sa.select(workspaces.c.id).where(workspaces.c.slug == chosen)).first():
                raise AlreadyExistsError(
                    f"there is a workspace {chosen!r} already", "choose another --slug, or use that one"
                )
            connection.execute(workspaces.insert().values(**row))
        return self.find(chosen)

    def find(self, named: str) -> Workspace:
        """By id or slug.

        Raises:
            UnknownThingError: there is none; the words name those there are.
        """
        key = as_uuid(named)
        condition = workspaces.c.slug == named if key is None else workspaces.c.id == key
        with self._database.reading() as connection:
            row = connection.execute(sa.select(workspaces).where(condition)).mappings().first()
        if row is None:
            known = ", ".join(workspace.slug for workspace in self.list(include_inactive=True))
            remedy = f"use one of these ({known}) or " if known else "there are none yet: make one with "
            raise UnknownThingError(f"there is no workspace {named!r}", f"{remedy}`headway workspace add NAME`")
        return _workspace(row)

    def edit(
        self,
        workspace_id: uuid.UUID,
        *,
        name: str | None = None,
        vendor_domains: frozenset[str] | None = None,
        is_active: bool | None = None,
        seen_at: datetime | None = None,
    ) -> Workspace:
        """Change what is given. An inactive workspace is ingested no more; what it has stays.

        Raises:
            InputError: the new name or a domain is empty.
            StaleEditError: it was edited since `seen_at`.
        """
        values: dict[str, Any] = {"name": None if name is None else name.strip(), "is_active": is_active}
        if vendor_domains is not None:
            values["vendor_domains"] = clean_domains(vendor_domains)
        values = {column: value for column, value in values.items() if value is not None}
        if not values.get("name", "unchanged"):
            raise InputError("a workspace needs a name", "give one, or leave it as it is")
        is_meant = workspaces.c.id == workspace_id
        with self._database.writing() as connection:
            write_edit(connection, workspaces, is_meant, values, now=self._now(), seen_at=seen_at)
        return self.find(str(workspace_id))

    def set_reading(self, workspace_id: uuid.UUID, reading: ReadingSettings) -> Workspace:
        """Say how the workspace's calls are read from now on; what was read stays."""
        statement = workspaces.update().where(workspaces.c.id == workspace_id)
        with self._database.writing() as connection:
            connection.execute(statement.values(settings=reading.to_json(), updated_at=self._now()))
        return self.find(str(workspace_id))

    def list(self, *, include_inactive: bool = False) -> "list[Workspace]":
        """All active ones, by slug."""
        query = sa.select(workspaces).order_by(workspaces.c.slug)
        if not include_inactive:
            query = query.where(workspaces.c.is_active)
        with self._database.reading() as connection:
            return [_workspace(row) for row in connection.execute(query).mappings()]


def _workspace(row: Mapping[Any, Any]) -> Workspace:
    return Workspace(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        is_active=row["is_active"],
        vendor_domains=frozenset(row["vendor_domains"]),
        reading=ReadingSettings.from_json(row["settings"]),
        updated_at=row["updated_at"],
    )


@dataclass(frozen=True, slots=True)
class ThemeRow:
    """A theme with what pages show of it."""

    theme: Theme
    color: str | None
    icon: str | None
    sort_order: int
    is_default: bool
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class Themes:
    """What a workspace files feedback under."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def add(
        self,
        workspace_id: uuid.UUID,
        name: str,
        *,
        description: str = "",
        color: str | None = None,
        icon: str | None = None,
        sort_order: int | None = None,
        is_default: bool = False,
    ) -> ThemeRow:
        """Add one, last in order unless told otherwise.

        Raises:
            InputError: the name is empty.
            AlreadyExistsError: the name is taken, perhaps by an archived theme.
        """
        clean = name.strip()
        if not clean:
            raise InputError("a theme needs a name", "give one with --name")
        with self._database.writing() as connection:
            same = sa.select(themes.c.archived_at).where(
                themes.c.workspace_id == workspace_id, themes.c.name == clean
            )
            standing = connection.execute(same).first()
            if standing is not None:
                archived = " (archived)" if standing.archived_at else ""
                raise AlreadyExistsError(
                    f"there is a theme {clean!r} already{archived}", "choose another name, or edit that theme"
                )
            last = sa.select(sa.func.coalesce(sa.func.max(themes.c.sort_order), 0) + 1)
            order = sort_order or connection.execute(last.where(themes.c.workspace_id == workspace_id)).scalar_one()
            key = derived_id("theme", str(workspace_id), clean)
            if connection.execute(sa.select(themes.c.id).where(themes.c.id == key)).first():
                # A theme that was renamed keeps the id its first name gave it.
                key = uuid.uuid4()
            values = {
                "id": key,
                "workspace_id": workspace_id,
                "name": clean,
                "description": description,
                "color": color,
                "icon": icon,
                "sort_order": order,
                "is_default": is_default,
            }
            connection.execute(themes.insert().values(**values))
        return self.find(workspace_id, str(key))

    def find(self, workspace_id: uuid.UUID, named: str) -> ThemeRow:
        """By id or name; a name that is written in other case only where it means one theme.

        Raises:
            UnknownThingError: there is none; the words name those there are.
        """
        key = as_uuid(named)
        condition = themes.c.name == named if key is None else themes.c.id == key
        query = sa.select(themes).where(themes.c.workspace_id == workspace_id, condition)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is not None:
            return _theme_row(row)
        listed = self.list(workspace_id)
        alike = [found for found in listed if found.theme.name.casefold() == named.strip().casefold()]
        if len(alike) != 1:
            known = ", ".join(found.theme.name for found in listed)
            remedy = f"use one of these: {known}" if known else "there are none yet: add one with `headway theme add`"
            raise UnknownThingError(f"there is no theme {named!r}", remedy)
        return alike[0]

    def list(self, workspace_id: uuid.UUID, *, include_archived: bool = False) -> "list[ThemeRow]":
        """In the order people gave them."""
        query = sa.select(themes).where(themes.c.workspace_id == workspace_id)
        if not include_archived:
            query = query.where(themes.c.archived_at.is_(None))
        with self._database.reading() as connection:
            found = connection.execute(query.order_by(themes.c.sort_order, themes.c.name)).mappings()
            return [_theme_row(row) for row in found]

    def current(self, workspace_id: uuid.UUID) -> tuple[Theme, ...]:
        """Those that feedback is filed under now."""
        return tuple(row.theme for row in self.list(workspace_id))

    def edit(self, theme_id: uuid.UUID, *, seen_at: datetime | None = None, **changes: Any) -> ThemeRow:
        """Change name, description, color, icon, sort_order or is_default; None leaves a thing as it is.

        Args:
            changes: also `is_archived`: file nothing under it any more, or again.

        Raises:
            InputError: the new name is empty.
            AlreadyExistsError: the new name is taken.
            StaleEditError: it was edited since `seen_at`.
        """
        values = {
            column: value.strip() if isinstance(value, str) else value
            for column, value in changes.items()
            if value is not None
        }
        if not values.get("name", "unchanged"):
            raise InputError("a theme needs a name", "give another one, or leave it as it is")
        is_archived = values.pop("is_archived", None)
        is_meant = themes.c.id == theme_id
        with self._database.writing() as connection:
            row = connection.execute(sa.select(themes).where(is_meant)).mappings().one()
            if is_archived is not None:
                values["archived_at"] = (row["archived_at"] or self._now()) if is_archived else None
            try:
                if values:
                    write_edit(connection, themes, is_meant, values, now=self._now(), seen_at=seen_at)
            except IntegrityError as error:
                raise AlreadyExistsError(
                    f"there is a theme {values.get('name')!r} already", "choose another name"
                ) from error
        return self.find(row["workspace_id"], str(theme_id))

    def archive(self, theme_id: uuid.UUID) -> None:
        """File nothing under it any more; what is filed there moves with the next run."""
        now = self._now()
        statement = themes.update().where(themes.c.id == theme_id, themes.c.archived_at.is_(None))
        with self._database.writing() as connection:
            connection.execute(statement.values(archived_at=now, updated_at=now))


def _theme_row(row: Mapping[Any, Any]) -> ThemeRow:
    return ThemeRow(
        theme=Theme(row["id"], row["name"], row["description"] or ""),
        color=row["color"],
        icon=row["icon"],
        sort_order=row["sort_order"],
        is_default=row["is_default"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        archived_at=row["archived_at"],
    )
