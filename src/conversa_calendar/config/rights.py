"""What the product's ordinary role may do in a database whose tables belong to another one: read and write rows."""

from psycopg import sql

_RIGHTS = (
    ("TABLES", "SELECT, INSERT, UPDATE, DELETE"),
    ("SEQUENCES", "USAGE, SELECT"),
    ("FUNCTIONS", "EXECUTE"),
)
_ON_OWN = """
DO $grant$ DECLARE found record; BEGIN
    IF has_schema_privilege('public', 'USAGE WITH GRANT OPTION') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', {app});
    END IF;
    FOR found IN SELECT c.oid::regclass AS name, c.relkind AS kind FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
        AND pg_has_role(c.relowner, 'USAGE')
    LOOP
        IF found.kind = 'S' THEN EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO %I', found.name, {app});
        ELSE EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s TO %I', found.name, {app});
        END IF;
    END LOOP;
END $grant$
"""


def usage(app: str) -> list[sql.Composed]:
    """It finds what lies in the schema."""
    return [sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(app))]


def by_default(owner: str, app: str) -> list[sql.Composed]:
    """On what the owner makes from now on."""
    query = "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public GRANT %s ON %s TO {}"
    names = sql.Identifier(owner), sql.Identifier(app)
    return [sql.SQL(query % (rights, kind)).format(*names) for kind, rights in _RIGHTS]


def on_own(app: str) -> list[sql.Composed]:
    """On what the asking role owns already, and on the schema where it may give that."""
    return [sql.SQL(_ON_OWN).format(app=sql.Literal(app))]
