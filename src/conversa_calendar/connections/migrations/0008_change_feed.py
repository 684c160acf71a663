"""The change feed tells of connections."""

from django.db import migrations

CONNECTIONS = """
CREATE FUNCTION feed_of_connection() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    seen connections_connection := OLD;
BEGIN
    IF TG_OP <> 'DELETE' THEN seen := NEW; END IF;
    PERFORM feed_tell(
        seen.account_id, 'connection', seen.uuid, NULL, NULL,
        CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END, NULL
    );
    RETURN NULL;
END $$;

CREATE TRIGGER feed_new AFTER INSERT OR DELETE ON connections_connection
    FOR EACH ROW EXECUTE FUNCTION feed_of_connection();
CREATE TRIGGER feed_changed AFTER UPDATE ON connections_connection FOR EACH ROW WHEN (
    (OLD.email, OLD.owner_id, OLD.state, OLD.state_reason, OLD.scopes, OLD.connected_at)
    IS DISTINCT FROM
    (NEW.email, NEW.owner_id, NEW.state, NEW.state_reason, NEW.scopes, NEW.connected_at)
) EXECUTE FUNCTION feed_of_connection();
"""
UNDO = """
DROP TRIGGER feed_new ON connections_connection;
DROP TRIGGER feed_changed ON connections_connection;
DROP FUNCTION feed_of_connection;
"""


class Migration(migrations.Migration):
    dependencies = [("connections", "0007_disconnects_spare_private"), ("calendars", "0014_change_feed")]
    operations = [migrations.RunSQL(CONNECTIONS, UNDO)]
