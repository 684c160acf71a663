"""The migration operation that turns tables of tenants into walled ones.

For each model with an `account`: forced row-level security with one policy for reading and writing, a unique
(account, id), and composite foreign keys, so that no row can ever point into another account.
"""

from typing import Any

from django.db.migrations.operations.base import Operation

_POLICY = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {table}
    USING ({condition})
    WITH CHECK (account_id = nullif(current_setting('app.account', true), '')::bigint);
"""
_CONDITION = "account_id = nullif(current_setting('app.account', true), '')::bigint"
_OWN_MEMBERSHIPS = _CONDITION + " OR user_id = nullif(current_setting('app.user', true), '')::bigint"
_ON_DELETE = {
    "CASCADE": "CASCADE",
    "SET_NULL": "SET NULL ({column})",
    "PROTECT": "NO ACTION",
    "DO_NOTHING": "NO ACTION",
}


def unforced(table: str, statement: str) -> str:
    """SQL for a migration that changes rows of every account: the table's owner passes the wall for one statement."""
    return f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY; {statement}; ALTER TABLE {table} FORCE ROW LEVEL SECURITY"


class ProtectTenantTables(Operation):
    """Walls the named models of this app; run it in the migration that creates them."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, *models: str, derived: tuple[str, ...] = ()) -> None:
        """`derived` tables hold rows in bulk that can be rebuilt: they get the wall but no foreign keys."""
        self.models = models
        self.derived = derived

    def deconstruct(self) -> tuple[str, list[str], dict[str, Any]]:
        return type(self).__name__, list(self.models), {"derived": self.derived}

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing changes for Django's own picture of the models."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        models = [to_state.apps.get_model(app_label, name) for name in self.models]
        for model in [*models, *(to_state.apps.get_model(app_label, name) for name in self.derived)]:
            condition = _OWN_MEMBERSHIPS if model._meta.model_name == "member" else _CONDITION
            schema_editor.execute(_POLICY.format(table=model._meta.db_table, condition=condition))
        for model in models:
            table = model._meta.db_table
            schema_editor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_tenant_id UNIQUE (account_id, id)")
        for model in models:
            for field in model._meta.local_fields:
                self._reference(schema_editor, model, field)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for name in (*self.models, *self.derived):
            table = from_state.apps.get_model(app_label, name)._meta.db_table
            schema_editor.execute(f"DROP POLICY tenant ON {table}")

    def describe(self) -> str:
        return f"Row-level security for {', '.join(self.models)}"

    def _reference(self, schema_editor: Any, model: Any, field: Any) -> None:
        target = field.related_model
        if target is None or field.name == "account" or not any(f.name == "account" for f in target._meta.local_fields):
            return
        table, column = model._meta.db_table, field.column
        kind = getattr(field.remote_field.on_delete, "__name__", "CASCADE")
        action = _ON_DELETE.get(kind, "NO ACTION").format(column=column)
        schema_editor.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_tenant "
            f"FOREIGN KEY (account_id, {column}) REFERENCES {target._meta.db_table} (account_id, id) "
            f"ON DELETE {action} DEFERRABLE INITIALLY DEFERRED"
        )
