"""The one door for acts on an account and its people: pages, the API and hosts change them only here.

An act looks its target up in the account, locks it, asks `authorise`, which has one table of what each act needs, holds
the caller's precondition against what stands now, and only then calls the service. Errors:

    NotFound     there is no such thing in this account
    NotAllowed   the viewer may not do that; its refusal says why
    Refused      what is asked cannot be done; the message says why
    Changed      it changed since the caller read it (If-Match)
"""

from conversa_calendar.accounts.acts.account import change_account, change_profile, end_own_sessions, put_directory
from conversa_calendar.accounts.acts.groups import Group, add_group, change_group, group_etag
from conversa_calendar.accounts.acts.people import (
    change_member,
    end_sessions,
    invite,
    invite_again,
    member,
    suspend,
    withdraw,
)
from conversa_calendar.accounts.acts.roles import add_role, change_role, delete_role
from conversa_calendar.accounts.acts.rules import Act, authorise, found
from conversa_calendar.accounts.acts.tokens import Where, add_token, revoke_token
from conversa_calendar.accounts.services import DirectoryReport

__all__ = [
    "Act",
    "DirectoryReport",
    "Group",
    "Where",
    "add_group",
    "add_role",
    "add_token",
    "authorise",
    "change_account",
    "change_group",
    "change_member",
    "change_profile",
    "change_role",
    "delete_role",
    "end_own_sessions",
    "end_sessions",
    "found",
    "group_etag",
    "invite",
    "invite_again",
    "member",
    "put_directory",
    "revoke_token",
    "suspend",
    "withdraw",
]
