"""The resources of Calendar API v3: which members each has and of which kinds, as Google's reference lists them.

One table serves the discovery document, the check of what callers send, and the names that `fields` may select.
"""

from functools import cache
from typing import Any

FIELDS: dict[str, str] = {
    "Acl": "etag kind nextPageToken nextSyncToken : str; items : [AclRule]",
    "AclRule.scope": "type value : str",
    "AclRule": "etag id kind role : str; scope : AclRule.scope",
    "Calendar.workingHours.availableTimes": "dayOfWeek : str; periodEnd periodStart : int",
    "Calendar.workingHours": "availableTimes : [Calendar.workingHours.availableTimes]; workingHoursEnabled : bool",
    "Calendar": (
        "autoAcceptInvitations : bool; "
        "conferenceProperties : ConferenceProperties; "
        "dataOwner description etag id kind location summary timeZone : str; "
        "labelProperties : LabelProperties; "
        "workingHours : Calendar.workingHours"
    ),
    "CalendarList": "etag kind nextPageToken nextSyncToken : str; items : [CalendarListEntry]",
    "CalendarListEntry.notificationSettings": "notifications : [CalendarNotification]",
    "CalendarListEntry": (
        "accessRole backgroundColor colorId dataOwner description etag foregroundColor id kind location "
        "summary summaryOverride timeZone : str; "
        "autoAcceptInvitations deleted hidden primary selected : bool; "
        "conferenceProperties : ConferenceProperties; "
        "defaultReminders : [EventReminder]; "
        "notificationSettings : CalendarListEntry.notificationSettings"
    ),
    "CalendarNotification": "method type : str",
    "Channel": (
        "address id kind resourceId resourceUri token type : str; expiration : int64; params : <str>; payload : bool"
    ),
    "ColorDefinition": "background foreground : str",
    "Colors": "calendar event : <ColorDefinition>; kind : str; updated : time",
    "ConferenceData": (
        "conferenceId notes signature : str; "
        "conferenceSolution : ConferenceSolution; "
        "createRequest : CreateConferenceRequest; "
        "entryPoints : [EntryPoint]; "
        "parameters : ConferenceParameters"
    ),
    "ConferenceParameters": "addOnParameters : ConferenceParametersAddOnParameters",
    "ConferenceParametersAddOnParameters": "parameters : <str>",
    "ConferenceProperties": "allowedConferenceSolutionTypes : [str]",
    "ConferenceRequestStatus": "statusCode : str",
    "ConferenceSolution": "iconUri name : str; key : ConferenceSolutionKey",
    "ConferenceSolutionKey": "type : str",
    "CreateConferenceRequest": (
        "conferenceSolutionKey : ConferenceSolutionKey; requestId : str; status : ConferenceRequestStatus"
    ),
    "EntryPoint": (
        "accessCode entryPointType label meetingCode passcode password pin regionCode uri : str; "
        "entryPointFeatures : [str]"
    ),
    "Error": "domain reason : str",
    "Event.creator": "displayName email id : str; self : bool",
    "Event.extendedProperties": "private shared : <str>",
    "Event.gadget": "display iconLink link title type : str; height width : int; preferences : <str>",
    "Event.organizer": "displayName email id : str; self : bool",
    "Event.reminders": "overrides : [EventReminder]; useDefault : bool",
    "Event.source": "title url : str",
    "Event": (
        "anyoneCanAddSelf attendeesOmitted endTimeUnspecified guestsCanInviteOthers guestsCanModify "
        "guestsCanSeeOtherGuests locked privateCopy : bool; "
        "attachments : [EventAttachment]; "
        "attendees : [EventAttendee]; "
        "birthdayProperties : EventBirthdayProperties; "
        "colorId description etag eventLabelId eventType hangoutLink htmlLink iCalUID id kind location "
        "recurringEventId status summary transparency visibility : str; "
        "conferenceData : ConferenceData; "
        "created updated : time; "
        "creator : Event.creator; "
        "end originalStartTime start : EventDateTime; "
        "extendedProperties : Event.extendedProperties; "
        "focusTimeProperties : EventFocusTimeProperties; "
        "gadget : Event.gadget; "
        "organizer : Event.organizer; "
        "outOfOfficeProperties : EventOutOfOfficeProperties; "
        "recurrence : [str]; "
        "reminders : Event.reminders; "
        "sequence : int; "
        "source : Event.source; "
        "workingLocationProperties : EventWorkingLocationProperties"
    ),
    "EventAttachment": "fileId fileUrl iconLink mimeType title : str",
    "EventAttendee": (
        "additionalGuests : int; "
        "asyncOperation comment displayName email id responseStatus : str; "
        "optional organizer resource self : bool"
    ),
    "EventBirthdayProperties": "contact customTypeName type : str",
    "EventDateTime": "date : date; dateTime : time; timeZone : str",
    "EventFocusTimeProperties": "autoDeclineMode chatStatus declineMessage : str",
    "EventLabel": "backgroundColor id name : str",
    "EventOutOfOfficeProperties": "autoDeclineMode declineMessage : str",
    "EventReminder": "method : str; minutes : int",
    "EventWorkingLocationProperties.customLocation": "label : str",
    "EventWorkingLocationProperties.officeLocation": "buildingId deskId floorId floorSectionId label : str",
    "EventWorkingLocationProperties": (
        "customLocation : EventWorkingLocationProperties.customLocation; "
        "homeOffice : any; "
        "officeLocation : EventWorkingLocationProperties.officeLocation; "
        "type : str"
    ),
    "Events": (
        "accessRole description etag kind nextPageToken nextSyncToken summary timeZone : str; "
        "defaultReminders : [EventReminder]; "
        "items : [Event]; "
        "updated : time"
    ),
    "FreeBusyCalendar": "busy : [TimePeriod]; errors : [Error]",
    "FreeBusyGroup": "calendars : [str]; errors : [Error]",
    "FreeBusyRequest": (
        "calendarExpansionMax groupExpansionMax : int; "
        "items : [FreeBusyRequestItem]; "
        "timeMax timeMin : time; "
        "timeZone : str"
    ),
    "FreeBusyRequestItem": "id : str",
    "FreeBusyResponse": (
        "calendars : <FreeBusyCalendar>; groups : <FreeBusyGroup>; kind : str; timeMax timeMin : time"
    ),
    "LabelProperties": "eventLabels : [EventLabel]",
    "Setting": "etag id kind value : str",
    "Settings": "etag kind nextPageToken nextSyncToken : str; items : [Setting]",
    "TimePeriod": "end start : time",
}
"""Resource → `names : kind; …`. Kinds: str, bool, int, int64, date, time, any, another resource, `[list]`, `<map>`."""

VALUES: dict[str, tuple[str, ...]] = {
    "AclRule.role": ("none", "freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner"),
    "AclRule.scope.type": ("default", "user", "group", "domain"),
    "CalendarListEntry.colorId": tuple(str(n) for n in range(1, 25)),
    "CalendarNotification.method": ("email", "sms"),
    "CalendarNotification.type": (
        "eventCreation",
        "eventChange",
        "eventCancellation",
        "eventResponse",
        "agenda",
    ),
    "ConferenceSolutionKey.type": ("eventHangout", "eventNamedHangout", "hangoutsMeet", "addOn"),
    "EntryPoint.entryPointType": ("video", "phone", "sip", "more"),
    "Event.colorId": tuple(str(n) for n in range(1, 12)),
    "Event.eventType": ("birthday", "default", "focusTime", "fromGmail", "outOfOffice", "workingLocation"),
    "Event.status": ("confirmed", "tentative", "cancelled"),
    "Event.transparency": ("opaque", "transparent"),
    "Event.visibility": ("default", "public", "private", "confidential"),
    "EventAttendee.responseStatus": ("needsAction", "declined", "tentative", "accepted"),
    "EventBirthdayProperties.type": ("anniversary", "birthday", "custom", "other", "self"),
    "EventFocusTimeProperties.autoDeclineMode": (
        "declineNone",
        "declineAllConflictingInvitations",
        "declineOnlyNewConflictingInvitations",
    ),
    "EventFocusTimeProperties.chatStatus": ("available", "doNotDisturb"),
    "EventOutOfOfficeProperties.autoDeclineMode": (
        "declineNone",
        "declineAllConflictingInvitations",
        "declineOnlyNewConflictingInvitations",
    ),
    "EventReminder.method": ("email", "popup", "sms"),
    "EventWorkingLocationProperties.type": ("homeOffice", "officeLocation", "customLocation"),
}
"""Resource and member → the values that the reference gives it."""

ZONES = ("Calendar.timeZone", "FreeBusyRequest.timeZone")
"""Members that name a zone of the IANA database."""
COLORS = (
    "CalendarListEntry.backgroundColor",
    "CalendarListEntry.foregroundColor",
    "EventLabel.backgroundColor",
)
"""Members that hold a colour as `#rrggbb`."""


@cache
def members(resource: str) -> dict[str, str]:
    """Member → kind."""
    found: dict[str, str] = {}
    for group in FIELDS[resource].split(";"):
        names, _, kind = group.partition(" : ")
        found |= dict.fromkeys(names.split(), kind.strip())
    return dict(sorted(found.items()))


def documented(kind: str) -> dict[str, Any]:
    """A kind as a discovery document writes it."""
    if kind.startswith("["):
        return {"type": "array", "items": documented(kind[1:-1])}
    if kind.startswith("<"):
        return {"type": "object", "additionalProperties": documented(kind[1:-1])}
    plain: dict[str, dict[str, Any]] = {
        "str": {"type": "string"},
        "bool": {"type": "boolean"},
        "int": {"type": "integer", "format": "int32"},
        "int64": {"type": "string", "format": "int64"},
        "date": {"type": "string", "format": "date"},
        "time": {"type": "string", "format": "date-time"},
        "any": {"type": "any"},
    }
    if kind in plain:
        return plain[kind]
    return schema(kind) if "." in kind else {"$ref": kind}


def schema(resource: str) -> dict[str, Any]:
    """A resource as a discovery document writes it."""
    named = {} if "." in resource else {"id": resource}
    properties = {name: documented(kind) for name, kind in members(resource).items()}
    return named | {"type": "object", "properties": properties}
