"""The change feed tells of mirrors. How far a listing is and when it was last read is no news; that it is done is."""

from django.db import migrations

MIRRORS = """
CREATE FUNCTION feed_of_mirror() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    seen sync_mirror := OLD;
    said text := CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END;
BEGIN
    IF TG_OP <> 'DELETE' THEN seen := NEW; END IF;
    IF TG_OP = 'UPDATE' AND NEW.is_selected <> OLD.is_selected THEN
        said := CASE WHEN NEW.is_selected THEN 'restored' ELSE 'deleted' END;
    ELSIF NOT seen.is_selected THEN
        RETURN NULL;
    END IF;
    PERFORM feed_tell(seen.account_id, 'mirror', seen.uuid, feed_place(seen.calendar_id), NULL, said, NULL);
    RETURN NULL;
END $$;

CREATE TRIGGER feed_new AFTER INSERT OR DELETE ON sync_mirror FOR EACH ROW EXECUTE FUNCTION feed_of_mirror();
CREATE TRIGGER feed_changed AFTER UPDATE ON sync_mirror FOR EACH ROW WHEN (
    (OLD.connection_id, OLD.mode, OLD.access, OLD.state, OLD.first_synced_at, OLD.error_code, OLD.error_message,
        OLD.is_paused, OLD.is_selected, OLD.push_refused)
    IS DISTINCT FROM
    (NEW.connection_id, NEW.mode, NEW.access, NEW.state, NEW.first_synced_at, NEW.error_code, NEW.error_message,
        NEW.is_paused, NEW.is_selected, NEW.push_refused)
) EXECUTE FUNCTION feed_of_mirror();
"""
UNDO = """
DROP TRIGGER feed_new ON sync_mirror;
DROP TRIGGER feed_changed ON sync_mirror;
DROP FUNCTION feed_of_mirror;
"""


class Migration(migrations.Migration):
    dependencies = [("sync", "0009_passed_over"), ("calendars", "0014_change_feed")]
    operations = [migrations.RunSQL(MIRRORS, UNDO)]
