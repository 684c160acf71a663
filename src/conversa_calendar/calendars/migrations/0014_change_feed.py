"""The database itself writes the change feed: whoever changes a row that is told of, in whatever way, cannot forget to.

Nothing is told outside of an account's scope, as by a migration.
"""

from django.db import migrations, models

TELL = """
CREATE FUNCTION feed_is_open() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting('app.account', true), '') <> ''
$$;

CREATE FUNCTION feed_by(what text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN what = 'state' THEN 'sync' ELSE coalesce(nullif(current_setting('app.by', true), ''), 'platform') END
$$;

CREATE FUNCTION feed_tell(
    account bigint, kind text, object uuid, calendar uuid, former uuid, what text, facts jsonb
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT feed_is_open() THEN RETURN; END IF;
    INSERT INTO calendars_change (account_id, transaction, kind, object_uuid, calendar_uuid, left_uuid, what, facts, at, done_by)
    VALUES (account, pg_current_xact_id()::text::bigint, kind, object, calendar, former, what, facts, now(), feed_by(what));
    PERFORM pg_notify('conversa_live', json_build_object('account', account)::text);
END $$;

CREATE FUNCTION feed_place(calendar bigint) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT uuid FROM calendars_calendar WHERE id = calendar
$$;
"""

EVENTS = """
CREATE FUNCTION feed_is_gone(deleted timestamptz, kind text, content text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT deleted IS NOT NULL OR (kind = 'override' AND content LIKE '%"status":"cancelled"%')
$$;

CREATE FUNCTION feed_series(series bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('series', uuid) FROM calendars_event WHERE id = series
$$;

CREATE FUNCTION feed_of_new_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT feed_is_open() THEN RETURN NULL; END IF;
    INSERT INTO calendars_change (account_id, transaction, kind, object_uuid, calendar_uuid, what, facts, at, done_by)
    SELECT e.account_id, pg_current_xact_id()::text::bigint, 'event', e.uuid, c.uuid,
        CASE WHEN feed_is_gone(e.deleted_at, e.kind, e.content_json) THEN 'deleted' ELSE 'created' END,
        CASE WHEN e.series_id IS NOT NULL THEN feed_series(e.series_id) END, now(), feed_by('')
    FROM added e JOIN calendars_calendar c ON c.id = e.calendar_id ORDER BY e.id;
    IF FOUND THEN
        PERFORM pg_notify('conversa_live', json_build_object('account', current_setting('app.account')::bigint)::text);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION feed_of_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was_gone boolean := feed_is_gone(OLD.deleted_at, OLD.kind, OLD.content_json);
    is_gone boolean := TG_OP = 'DELETE';
    is_moved boolean := false;
    seen calendars_event := OLD;
    said text := 'deleted';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        seen := NEW;
        is_gone := feed_is_gone(NEW.deleted_at, NEW.kind, NEW.content_json);
        is_moved := NEW.calendar_id <> OLD.calendar_id AND NOT was_gone;
    END IF;
    IF was_gone AND is_gone THEN RETURN NULL; END IF;
    IF was_gone THEN
        said := 'restored';
    ELSIF NOT is_gone THEN
        said := CASE WHEN is_moved OR (
            coalesce(current_setting('app.echo', true), '') <> 'on' AND (
                NEW.content_json, NEW.facts_json, NEW."references", NEW.kind, NEW.series_id, NEW.original_key, NEW.event_type
            ) IS DISTINCT FROM (
                OLD.content_json, OLD.facts_json, OLD."references", OLD.kind, OLD.series_id, OLD.original_key, OLD.event_type
            )
        ) THEN 'updated' ELSE 'state' END;
        IF said = 'state' AND (NEW.sync_state, NEW.sync_message) = (OLD.sync_state, OLD.sync_message) THEN
            RETURN NULL;
        END IF;
    END IF;
    PERFORM feed_tell(
        seen.account_id, 'event', seen.uuid, feed_place(seen.calendar_id),
        CASE WHEN is_moved THEN feed_place(OLD.calendar_id) END, said,
        CASE WHEN seen.series_id IS NOT NULL THEN feed_series(seen.series_id) END
    );
    RETURN NULL;
END $$;

CREATE TRIGGER feed_new AFTER INSERT ON calendars_event REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION feed_of_new_events();
CREATE TRIGGER feed_changed AFTER UPDATE ON calendars_event FOR EACH ROW WHEN (
    (OLD.content_json, OLD.facts_json, OLD."references", OLD.deleted_at, OLD.calendar_id, OLD.kind, OLD.series_id,
        OLD.original_key, OLD.event_type, OLD.sync_state, OLD.sync_message)
    IS DISTINCT FROM
    (NEW.content_json, NEW.facts_json, NEW."references", NEW.deleted_at, NEW.calendar_id, NEW.kind, NEW.series_id,
        NEW.original_key, NEW.event_type, NEW.sync_state, NEW.sync_message)
) EXECUTE FUNCTION feed_of_event();
CREATE TRIGGER feed_gone AFTER DELETE ON calendars_event FOR EACH ROW WHEN (OLD.deleted_at IS NULL)
    EXECUTE FUNCTION feed_of_event();
"""

CALENDARS = """
CREATE FUNCTION feed_of_calendar() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said text := 'updated';
BEGIN
    IF TG_OP = 'INSERT' THEN said := 'created';
    ELSIF NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL THEN said := 'deleted';
    ELSIF NEW.deleted_at IS NULL AND OLD.deleted_at IS NOT NULL THEN said := 'restored';
    ELSIF NEW.deleted_at IS NOT NULL THEN RETURN NULL;
    END IF;
    PERFORM feed_tell(NEW.account_id, 'calendar', NEW.uuid, NEW.uuid, NULL, said, NULL);
    RETURN NULL;
END $$;

CREATE TRIGGER feed_new AFTER INSERT ON calendars_calendar FOR EACH ROW EXECUTE FUNCTION feed_of_calendar();
CREATE TRIGGER feed_changed AFTER UPDATE ON calendars_calendar FOR EACH ROW WHEN (
    (OLD.name, OLD.remote_name, OLD.color, OLD.time_zone, OLD.owner_id, OLD.is_mirrored, OLD.is_read_only,
        OLD.read_only_reason, OLD.place, OLD.counts_busy, OLD.hidden_types, OLD.deleted_at)
    IS DISTINCT FROM
    (NEW.name, NEW.remote_name, NEW.color, NEW.time_zone, NEW.owner_id, NEW.is_mirrored, NEW.is_read_only,
        NEW.read_only_reason, NEW.place, NEW.counts_busy, NEW.hidden_types, NEW.deleted_at)
) EXECUTE FUNCTION feed_of_calendar();

CREATE FUNCTION feed_of_assignment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    seen calendars_assignment := OLD;
    place uuid;
BEGIN
    IF TG_OP <> 'DELETE' THEN seen := NEW; END IF;
    place := feed_place(seen.calendar_id);
    IF place IS NOT NULL THEN
        PERFORM feed_tell(seen.account_id, 'calendar', place, place, NULL, 'updated', NULL);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER feed_changed AFTER INSERT OR UPDATE OR DELETE ON calendars_assignment
    FOR EACH ROW EXECUTE FUNCTION feed_of_assignment();
"""

MEMBERS = """
CREATE FUNCTION feed_of_member() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    seen accounts_member := OLD;
BEGIN
    IF TG_OP <> 'DELETE' THEN seen := NEW; END IF;
    PERFORM feed_tell(
        seen.account_id, 'member', seen.uuid, NULL, NULL,
        CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END, NULL
    );
    RETURN NULL;
END $$;

CREATE TRIGGER feed_new AFTER INSERT OR DELETE ON accounts_member FOR EACH ROW EXECUTE FUNCTION feed_of_member();
CREATE TRIGGER feed_changed AFTER UPDATE ON accounts_member FOR EACH ROW WHEN (
    (OLD.name, OLD.built_in, OLD.role_id, OLD.is_suspended, OLD.external_id, OLD.is_vouched, OLD.accepted_at,
        OLD.invitation, OLD.declined_at)
    IS DISTINCT FROM
    (NEW.name, NEW.built_in, NEW.role_id, NEW.is_suspended, NEW.external_id, NEW.is_vouched, NEW.accepted_at,
        NEW.invitation, NEW.declined_at)
) EXECUTE FUNCTION feed_of_member();
"""

UNDO = """
DROP TRIGGER feed_new ON accounts_member;
DROP TRIGGER feed_changed ON accounts_member;
DROP TRIGGER feed_changed ON calendars_assignment;
DROP TRIGGER feed_new ON calendars_calendar;
DROP TRIGGER feed_changed ON calendars_calendar;
DROP TRIGGER feed_new ON calendars_event;
DROP TRIGGER feed_changed ON calendars_event;
DROP TRIGGER feed_gone ON calendars_event;
DROP FUNCTION feed_of_member, feed_of_assignment, feed_of_calendar, feed_of_event, feed_of_new_events;
DROP FUNCTION feed_series, feed_is_gone, feed_place, feed_tell, feed_by, feed_is_open;
"""


class Migration(migrations.Migration):
    dependencies = [("calendars", "0013_who_did_it"), ("accounts", "0007_inviter")]
    operations = [
        migrations.AddField("change", "left_uuid", models.UUIDField(null=True)),
        migrations.AddField("change", "facts", models.JSONField(null=True)),
        migrations.RunSQL(TELL + EVENTS + CALENDARS + MEMBERS, UNDO),
    ]
