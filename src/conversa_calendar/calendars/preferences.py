"""What each member chose about calendars for themselves: hidden ones, and where new events go."""

from conversa_calendar.accounts.models import Member
from conversa_calendar.calendars.models import Calendar, Preference


def set_hidden(member: Member, calendar_ids: list[int]) -> None:
    """Remembers which calendars a member does not want to see."""
    preference = preference_of(member)
    preference.hidden_calendars = calendar_ids
    preference.save(update_fields=["hidden_calendars"])


def set_mails_losses(member: Member, is_wanted: bool) -> None:
    """Whether a member is mailed, too, when an edit of theirs did not stand."""
    preference = preference_of(member)
    preference.mails_losses = is_wanted
    preference.save(update_fields=["mails_losses"])


def preference_of(member: Member) -> Preference:
    found = Preference.objects.filter(member=member).first()
    if found is None:
        found = Preference(member=member)
        found.save(force_insert=True)
    return found


def remember_calendar(member: Member, calendar: Calendar) -> None:
    """The member's next new event is offered the same place."""
    preference = preference_of(member)
    if preference.last_calendar_id != calendar.pk:
        preference.last_calendar = calendar
        preference.save(update_fields=["last_calendar"])
