"""The one door for acts on connected accounts, mirrored calendars and what sync set aside: pages and the API change them
only here.

An act looks its target up as the viewer sees it, asks `authorise`, which has one table of what each act needs, and only
then calls the service. Those that ask the provider on their way open their own transactions. Errors:

    NotFound        there is no such thing, or the viewer may not know of it
    NotAllowed      the viewer may not do that; its refusal says why
    Invalid         what is asked cannot be; its field and message say why
    Unsent          edits wait to be sent, and nobody said to leave them behind
    ProviderError   the provider did not answer, or refused
"""

from conversa_calendar.sync.acts.connecting import (
    allow_connect,
    ask_to_connect,
    disconnect,
    invite_to_connect,
    reread,
)
from conversa_calendar.sync.acts.mirrors import (
    check_now,
    choose,
    confirm_access,
    decide_held,
    deep_check,
    deselect,
    pause,
    publish,
    resume,
    select_all,
    set_mode,
    start_check,
    watch_again,
)
from conversa_calendar.sync.acts.rules import Act, authorise, connection_of, is_seen, mirror_of, needs
from conversa_calendar.sync.acts.set_aside import dismiss, retry

__all__ = [
    "Act",
    "allow_connect",
    "ask_to_connect",
    "authorise",
    "check_now",
    "choose",
    "confirm_access",
    "connection_of",
    "decide_held",
    "deep_check",
    "deselect",
    "disconnect",
    "dismiss",
    "invite_to_connect",
    "is_seen",
    "mirror_of",
    "needs",
    "pause",
    "publish",
    "reread",
    "resume",
    "retry",
    "select_all",
    "set_mode",
    "start_check",
    "watch_again",
]
