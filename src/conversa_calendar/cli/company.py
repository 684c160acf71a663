"""The demo's believable company: Acme Support with agents, teams, inboxes, two Google accounts and years of events."""

import json
import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

PASSWORD = "demo-password"
ADMINISTRATOR, AGENT, NEWCOMER = "alice@acme.example", "bruno@acme.example", "nina@newco.example"
ANA, SALES, NINA = "ana@acme.example", "sales@acme.example", "nina.google@newco.example"
CUSTOMERS = "c_customercalls@group.calendar.google.com"
SHARED = "c_launches@group.calendar.google.com"
HOLIDAYS = "en.brazilian#holiday@group.v.calendar.google.com"
ZONE = "America/Sao_Paulo"
WAIT_S = 60


def world() -> str:
    """The emulated Google's world file."""
    dice = random.Random(7)
    today = datetime.now(UTC).date()
    monday = today - timedelta(days=today.weekday())
    calendars = [
        {"id": ANA, "owner": ANA, "time_zone": ZONE, "summary": ANA, "events": _ana(monday, dice)},
        {"id": SALES, "owner": SALES, "time_zone": ZONE, "summary": SALES, "events": _sales(monday, dice)},
        {"id": CUSTOMERS, "owner": ANA, "time_zone": ZONE, "summary": "Customer calls", "events": _calls(monday, dice)},
        {
            "id": SHARED,
            "owner": SALES,
            "time_zone": "Europe/Lisbon",
            "summary": "Launches",
            "acl": [{"email": ANA, "role": "writer"}],
            "events": _launches(monday),
        },
        {
            "id": HOLIDAYS,
            "owner": "",
            "time_zone": ZONE,
            "summary": "Holidays in Brazil",
            "push_supported": False,
            "acl": [{"email": ANA, "role": "reader"}],
            "events": _holidays(today.year),
        },
    ]
    accounts = [
        {"email": ANA, "name": "Ana Prado", "time_zone": ZONE},
        {"email": SALES, "name": "Sales Desk", "time_zone": ZONE},
        {"email": NINA, "name": "Nina Castro", "time_zone": "Europe/Lisbon"},
    ]
    return json.dumps({"accounts": accounts, "calendars": calendars}, ensure_ascii=False)


def exists() -> bool:
    from conversa_calendar.accounts.models import Account

    return Account.objects.exists()


def create(google: str, origin: str) -> None:
    """Both companies; with an emulated Google also its connections and mirrors."""
    from conversa_calendar.accounts import joining, services
    from conversa_calendar.accounts.tenancy import tenant

    account = services.create_account(name="Acme Support", time_zone=ZONE, is_calendar_enabled=True)
    with tenant(account.pk):
        people = _people()
        _native_events(people)
    empty = services.create_account(name="Newco", time_zone="Europe/Lisbon")
    with tenant(empty.pk):
        joining.add_member_as_operator(email=NEWCOMER, name="Nina Castro", password=PASSWORD, built_in="administrator")
    if google:
        _connect(google, origin, ANA, [ANA, CUSTOMERS, SHARED, HOLIDAYS])
        _connect(google, origin, SALES, [SALES])
        with tenant(account.pk):
            _assign(people)
    with tenant(account.pk):
        _booking_page(people)


def _people() -> dict[str, Any]:
    from conversa_calendar.accounts import joining, services

    def member(email: str, name: str, role: str = "agent") -> Any:
        return joining.add_member_as_operator(email=email, name=name, password=PASSWORD, built_in=role)

    people = {
        "alice": member(ADMINISTRATOR, "Alice Lima", "administrator"),
        "bruno": member(AGENT, "Bruno Reis"),
        "carla": member("carla@acme.example", "Carla Dias"),
        "davi": member("davi@acme.example", "Davi Nunes"),
    }
    people["sales"] = services.create_team(name="Sales", members=[people["bruno"], people["carla"]])
    people["support"] = services.create_team(name="Support", members=[people["carla"], people["davi"]])
    people["website"] = services.create_inbox(name="Website", members=[people["bruno"], people["davi"]])
    people["whatsapp"] = services.create_inbox(name="WhatsApp", members=[people["carla"]])
    return people


def _booking_page(people: dict[str, Any]) -> None:
    """A published page whose bookings go to Ana's Google calendar where it is mirrored, else to Alice's own."""
    from conversa_calendar.bookings import keeping
    from conversa_calendar.calendars.models import Calendar

    target = Calendar.objects.filter(owner=people["alice"], is_mirrored=True, is_read_only=False).order_by("pk").first()
    host = {"id": str(people["alice"].uuid), "calendar": str(target.uuid) if target else None}
    values = {
        "title": "Product demo",
        "description": "Half an hour with us: we show you around and answer your questions.",
        "durations": [30, 60],
        "buffer_after": 15,
        "time_zone": ZONE,
        "questions": [{"label": "What would you like to see?", "required": True}],
        "hosts": [host],
        "is_published": True,
    }
    keeping.create(owner=people["alice"], values=values)


def _native_events(people: dict[str, Any]) -> None:
    from conversa_calendar.calendars import editing, services
    from conversa_calendar.domain.event import Content
    from conversa_calendar.domain.times import Timed

    shifts = services.create_calendar(name="Support shifts", owner=people["alice"], time_zone=ZONE, color="#0f766e")
    services.assign(shifts, [{"kind": "team", "id": str(people["support"].uuid), "level": "edit"}])
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    monday = today - timedelta(days=today.weekday())
    shift = Content(
        start=Timed(monday + timedelta(hours=13), ZONE),
        end=Timed(monday + timedelta(hours=17), ZONE),
        recurrence=("RRULE:FREQ=WEEKLY;BYDAY=MO,WE",),
        summary="Support shift",
    )
    editing.create(shifts, shift, actor=people["alice"])


def _connect(google: str, origin: str, email: str, calendars: list[str]) -> None:
    """Connects a Google account as Alice would in her browser, through the pages themselves."""
    from django.test import Client

    from conversa_calendar.accounts.models import Account
    from conversa_calendar.accounts.tenancy import tenant
    from conversa_calendar.connections.models import Connection
    from conversa_calendar.sync.mirrors import selection

    _post(f"{google}/_emulator/consent", {"email": email, "times": 1})
    browser = Client(SERVER_NAME=urlsplit(origin).hostname or "127.0.0.1", SERVER_PORT=str(urlsplit(origin).port))
    browser.login(email=ADMINISTRATOR, password=PASSWORD)
    started = browser.post("/connections/google/start")
    back = urlsplit(_redirect_of(started["Location"]))
    browser.get(f"{back.path}?{back.query}")
    account_id = Account.objects.get(name="Acme Support").pk
    with tenant(account_id):
        connection = Connection.objects.get(email=email)
        for calendar in calendars:
            selection.select(connection, calendar)


def _assign(people: dict[str, Any]) -> None:
    from conversa_calendar.calendars import services
    from conversa_calendar.calendars.models import Calendar

    def give(name: str, *items: tuple[str, str, str]) -> None:
        calendar = Calendar.objects.filter(remote_name=name).first()
        if calendar is not None:
            services.assign(
                calendar, [{"kind": k, "id": str(people[who].uuid), "level": level} for k, who, level in items]
            )

    give(ANA, ("team", "sales", "details"), ("agent", "bruno", "edit"))
    give("Customer calls", ("inbox", "website", "details"))
    give("Holidays in Brazil", ("team", "sales", "details"), ("team", "support", "details"))
    give(SALES, ("team", "sales", "busy"))
    Calendar.objects.filter(remote_name=ANA).update(name="Ana")
    Calendar.objects.filter(remote_name=SALES).update(name="Sales desk")


def _ana(monday: date, dice: random.Random) -> list[dict[str, Any]]:
    standup = _event(
        "standup", "Stand-up", monday - timedelta(days=371), 9, 30, 30, rule="RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
    )
    moved = {
        "id": f"standup_{_suffix(monday + timedelta(days=3), 9, 30)}",
        "recurringEventId": "standup",
        **_times(monday + timedelta(days=3), 11, 0, 30),
    }
    one_to_one = _event(
        "oneonone", "1:1 Ana and Bruno", monday - timedelta(days=200), 15, 0, 30, rule="RRULE:FREQ=WEEKLY;INTERVAL=2"
    )
    one_to_one["attendees"] = [{"email": ANA, "responseStatus": "accepted"}, {"email": SALES}]
    review = _event("review", "Quarterly review", monday + timedelta(days=9), 10, 0, 120)
    review |= {
        "attendees": [{"email": ANA}, {"email": SALES}, {"email": "lopez@customer.example"}],
        "location": "Room 4",
    }
    private = _event("private", "Dentist", monday + timedelta(days=1), 14, 30, 90) | {"visibility": "private"}
    leave = {"id": "leave1", "summary": "Ana: out of office", **_days(monday + timedelta(days=4), 1)}
    far = _event("newyork", "Call with New York", monday + timedelta(days=2), 11, 0, 45, zone="America/New_York")
    past = [
        _event(
            f"past{n:04d}",
            dice.choice(["Renewal", "Onboarding", "Demo", "Training"]) + f" {n}",
            monday - timedelta(days=dice.randrange(3, 900)),
            dice.randrange(9, 17),
            0,
            60,
        )
        for n in range(240)
    ]
    return [standup, moved, one_to_one, review, private, leave, far, *past]


def _sales(monday: date, dice: random.Random) -> list[dict[str, Any]]:
    pipeline = _event(
        "pipeline", "Pipeline meeting", monday - timedelta(days=120), 8, 30, 60, rule="RRULE:FREQ=WEEKLY;BYDAY=TU"
    )
    calls = [
        _event(
            f"sale{n:04d}",
            f"Sales call {n}",
            monday - timedelta(days=dice.randrange(-20, 400)),
            dice.randrange(9, 18),
            30,
            30,
        )
        for n in range(120)
    ]
    return [pipeline, *calls]


def _calls(monday: date, dice: random.Random) -> list[dict[str, Any]]:
    named = [
        _event("renewal", "Renewal: Lopez Ltd", monday, 10, 30, 60),
        _event("onboard", "Onboarding: Pires", monday + timedelta(days=1), 11, 0, 60),
    ]
    rest = [
        _event(
            f"call{n:04d}",
            f"Customer call {n}",
            monday - timedelta(days=dice.randrange(-30, 700)),
            dice.randrange(9, 18),
            0,
            45,
        )
        for n in range(300)
    ]
    return [*named, *rest]


def _launches(monday: date) -> list[dict[str, Any]]:
    freeze = {"id": "blackfridae1", "summary": "Black Friday freeze", **_days(monday + timedelta(days=3), 2)}
    launch = {"id": "launch1", "summary": "Launch: spring release", **_days(monday + timedelta(days=16), 1)}
    return [freeze, launch]


def _holidays(year: int) -> list[dict[str, Any]]:
    days = [
        (1, 1, "New Year"),
        (4, 21, "Tiradentes"),
        (5, 1, "Labour Day"),
        (9, 7, "Independence"),
        (10, 12, "Our Lady"),
    ]
    days += [(11, 2, "All Souls"), (11, 15, "Republic"), (11, 20, "Black Awareness"), (12, 25, "Christmas")]
    return [
        {"id": f"holida{y}{m:02d}{d:02d}", "summary": name, "transparency": "transparent", **_days(date(y, m, d), 1)}
        for y in (year - 1, year, year + 1)
        for m, d, name in days
    ]


def _event(
    event_id: str, summary: str, day: date, hour: int, minute: int, minutes: int, rule: str = "", zone: str = ZONE
) -> dict[str, Any]:
    body = {
        "id": event_id.replace("w", "v").replace("y", "v"),
        "summary": summary,
        **_times(day, hour, minute, minutes, zone),
    }
    return body | ({"recurrence": [rule]} if rule else {})


def _times(day: date, hour: int, minute: int, minutes: int, zone: str = ZONE) -> dict[str, Any]:
    start = datetime.combine(day, time(hour, minute))
    end = start + timedelta(minutes=minutes)
    return {
        "start": {"dateTime": start.isoformat(), "timeZone": zone},
        "end": {"dateTime": end.isoformat(), "timeZone": zone},
    }


def _days(first: date, count: int) -> dict[str, Any]:
    return {"start": {"date": first.isoformat()}, "end": {"date": (first + timedelta(days=count)).isoformat()}}


def _suffix(day: date, hour: int, minute: int) -> str:
    from zoneinfo import ZoneInfo

    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(ZONE))
    return local.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _post(url: str, body: dict[str, Any]) -> None:
    request = Request(url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}, method="POST")
    with urlopen(request, timeout=WAIT_S):
        return


def _redirect_of(url: str) -> str:
    """Where Google's consent page would send the browser."""
    import urllib3

    answer = urllib3.request("GET", url, redirect=False, timeout=WAIT_S)
    return answer.headers["Location"]
