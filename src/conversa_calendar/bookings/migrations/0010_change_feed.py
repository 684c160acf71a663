"""The change feed tells of bookings, with what each change made of their time, state and host, and of offers."""

from django.db import migrations

BOOKINGS = """
CREATE FUNCTION feed_booking_facts(found bookings_booking) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'state', found.state, 'host', (SELECT uuid FROM accounts_member WHERE id = found.host_id),
        'start', to_char(found.starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'end', to_char(found.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    )
$$;

CREATE FUNCTION feed_of_booking() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    seen bookings_booking := OLD;
    facts jsonb := '{}';
    said text := 'deleted';
    place uuid;
BEGIN
    IF TG_OP <> 'DELETE' THEN
        seen := NEW;
        said := 'created';
        facts := jsonb_build_object('after', feed_booking_facts(NEW));
    END IF;
    IF TG_OP <> 'INSERT' THEN facts := facts || jsonb_build_object('before', feed_booking_facts(OLD)); END IF;
    IF TG_OP = 'UPDATE' THEN
        said := CASE
            WHEN NEW.state <> OLD.state AND NEW.state = 'cancelled' THEN 'cancelled'
            WHEN NEW.starts_at <> OLD.starts_at OR NEW.ends_at <> OLD.ends_at THEN 'rescheduled'
            ELSE 'updated' END;
    END IF;
    SELECT c.uuid INTO place FROM calendars_event e JOIN calendars_calendar c ON c.id = e.calendar_id
        WHERE e.id = seen.event_id;
    PERFORM feed_tell(seen.account_id, 'booking', seen.uuid, place, NULL, said, facts);
    RETURN NULL;
END $$;

CREATE TRIGGER feed_new AFTER INSERT OR DELETE ON bookings_booking FOR EACH ROW EXECUTE FUNCTION feed_of_booking();
CREATE TRIGGER feed_changed AFTER UPDATE ON bookings_booking FOR EACH ROW WHEN (
    (OLD.event_id, OLD.host_id, OLD.state, OLD.starts_at, OLD.ends_at, OLD.name, OLD.email, OLD.time_zone, OLD.answers,
        OLD.flag, OLD.cancelled_by, OLD.guests, OLD."group")
    IS DISTINCT FROM
    (NEW.event_id, NEW.host_id, NEW.state, NEW.starts_at, NEW.ends_at, NEW.name, NEW.email, NEW.time_zone, NEW.answers,
        NEW.flag, NEW.cancelled_by, NEW.guests, NEW."group")
) EXECUTE FUNCTION feed_of_booking();
"""
OFFERS = """
CREATE FUNCTION feed_of_offer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    seen bookings_bookingoffer := OLD;
    said text := 'deleted';
BEGIN
    IF TG_OP = 'INSERT' THEN
        seen := NEW;
        said := 'created';
    ELSIF TG_OP = 'UPDATE' THEN
        seen := NEW;
        said := CASE WHEN NEW.expires_at < OLD.expires_at AND NEW.booking_id IS NULL THEN 'withdrawn' ELSE 'updated' END;
    END IF;
    PERFORM feed_tell(seen.account_id, 'offer', seen.uuid, NULL, NULL, said, NULL);
    RETURN NULL;
END $$;

CREATE TRIGGER feed_new AFTER INSERT OR DELETE ON bookings_bookingoffer
    FOR EACH ROW EXECUTE FUNCTION feed_of_offer();
CREATE TRIGGER feed_changed AFTER UPDATE ON bookings_bookingoffer FOR EACH ROW WHEN (
    (OLD.booking_id, OLD.starts, OLD.expires_at) IS DISTINCT FROM (NEW.booking_id, NEW.starts, NEW.expires_at)
) EXECUTE FUNCTION feed_of_offer();
"""
UNDO = """
DROP TRIGGER feed_new ON bookings_bookingoffer;
DROP TRIGGER feed_changed ON bookings_bookingoffer;
DROP TRIGGER feed_new ON bookings_booking;
DROP TRIGGER feed_changed ON bookings_booking;
DROP FUNCTION feed_of_offer, feed_of_booking, feed_booking_facts;
"""


class Migration(migrations.Migration):
    dependencies = [("bookings", "0009_page_of_a_claim"), ("calendars", "0014_change_feed")]
    operations = [migrations.RunSQL(BOOKINGS + OFFERS, UNDO)]
