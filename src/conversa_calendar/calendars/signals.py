"""The signals by which news and questions travel upward."""

from django.dispatch import Signal

calendar_changed = Signal()
"""Sent inside the transaction of a local edit. `calendar`: the Calendar; `event`: the Event."""

event_moving = Signal()
"""Sent before an event changes calendars, in the same transaction. `event`, `source`, `target`."""

event_restoring = Signal()
"""Sent before a person takes an event out of the trash, in the same transaction. `event`, `actor`."""

retry_asked = Signal()
"""Sent in the transaction in which a person wants an `event` tried again that the provider did not take. A receiver
answers True when it is the provider's version that could not be taken here, and sees to that one."""

event_followed = Signal()
"""Sent inside the transaction in which sync brought a change from a provider. `event`: the Event as it is now."""

event_stranded = Signal()
"""Sent inside the transaction in which it turned out that an `event` does not reach its provider as it stands here."""

unwritable_asked = Signal()
"""Sent inside a tenant scope: `calendars` (ids). A receiver answers the ids of those into which nothing can be put at their
provider just now."""

busy_asked = Signal()
"""Sent outside of any transaction, right before a booking: `account_id`, `calendars` (ids), `since`, `until`,
`ignored` (an event id whose own time does not count, or None), `counts` (whether an event of some content and type takes
time for who asks). A receiver answers what each of its calendars is, in the order given, until one is busy: {id: "free",
"busy", "unknown" when it could not be asked, or "gone" when the provider says that there is no such calendar}."""

tellers_asked = Signal()
"""Sent in the transaction of an edit, before guests of the `event` are told of it. A receiver answers the addresses, in small
letters, that hear of this event from it; where there are any, the provider tells nobody."""

need_asked = Signal()
"""Sent inside a tenant scope: `calendars` (ids). A receiver answers the ids of those on which somebody outside relies at
any moment, so that they are read as often as if somebody looked at them."""

need_arose = Signal()
"""Sent in the transaction in which somebody begins to rely on `calendars` (ids), as by publishing a page."""

staleness_asked = Signal()
"""Sent inside a tenant scope: `calendars` (ids). A receiver answers the ids of those whose events may be out of date
because their provider cannot be read."""

dependants_asked = Signal()
"""Sent inside a tenant scope: `calendars` (ids). A receiver answers {kind: [{"id", "name"}, …]} of what people would miss
if these calendars went."""
