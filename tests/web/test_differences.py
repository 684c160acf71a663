"""Two people with the same form open: each changes what they changed, and nothing else."""

from typing import Any

from django.test import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings.models import BookingPage
from conversa_calendar.calendars.models import Calendar
from tests.bookings.test_bookings import make_page
from tests.support.cast import PASSWORD, Cast
from tests.support.forms import Form, filled


def just_signed_in(cast: Cast) -> Client:
    """Alice, who gave her password a moment ago."""
    browser = cast.alice.browser()
    browser.post("/password/again", {"password": PASSWORD})
    return browser


def of_page(browser: Client, page: dict[str, Any], **changes: Any) -> dict[str, list[str]]:
    return filled(browser, f"/bookings/pages/{page['id']}", 'name="title"', **changes)


def test_a_stale_form_of_a_page_changes_only_what_its_person_changed(cast: Cast) -> None:
    page, browser = make_page(cast.alice), cast.alice.browser()
    stale = of_page(browser, page, title="Talk", day0="10:00-12:00")
    cast.alice.patch(f"booking-pages/{page['id']}", {"notice": 60, "description": "New", "is_published": False})
    assert browser.post(f"/bookings/pages/{page['id']}", stale).status_code == 302
    now = cast.alice.get(f"booking-pages/{page['id']}")
    assert (now["title"], now["notice"], now["description"]) == ("Talk", 60, "New") and not now["is_published"]
    assert now["weekly"][0] == [[600, 720]] and now["weekly"][1:] == page["weekly"][1:]


def test_an_untouched_form_of_a_page_changes_nothing(cast: Cast) -> None:
    hosts = [{"id": str(actor.member.uuid), "weight": 3} for actor in (cast.alice, cast.bob)]
    page = make_page(cast.alice, hosts=hosts, overrides={"2026-12-24": []}, color="#ABCDEF")
    browser = cast.alice.browser()
    untouched = of_page(browser, page)
    assert browser.post(f"/bookings/pages/{page['id']}", untouched).status_code == 302
    assert cast.alice.get(f"booking-pages/{page['id']}") == page


def test_what_no_longer_passes_is_not_asked_of_who_did_not_touch_it(cast: Cast) -> None:
    page, browser = make_page(cast.alice), cast.alice.browser()
    with tenant(cast.account.pk):
        BookingPage.objects.update(step=1)
    assert browser.post(f"/bookings/pages/{page['id']}", of_page(browser, page, title="Talk")).status_code == 302
    answer = browser.post(f"/bookings/pages/{page['id']}", of_page(browser, page, step="2"))
    assert answer.status_code == 422


def test_who_takes_a_host_off_leaves_whom_another_added_meanwhile(cast: Cast) -> None:
    page, browser = make_page(cast.alice, host_mode="round_robin"), cast.alice.browser()
    alice, bob = (str(actor.member.uuid) for actor in (cast.alice, cast.bob))
    stale = of_page(browser, page, hosts=[])
    cast.alice.patch(f"booking-pages/{page['id']}", {"hosts": [{"id": alice}, {"id": bob}]})
    browser.post(f"/bookings/pages/{page['id']}", stale)
    assert [host["id"] for host in cast.alice.get(f"booking-pages/{page['id']}")["hosts"]] == [bob]


def test_where_both_changed_the_same_it_is_asked_in_words_and_the_answer_stands(cast: Cast) -> None:
    page, browser = make_page(cast.alice), cast.alice.browser()
    address = f"/bookings/pages/{page['id']}"
    stale = of_page(browser, page, host_mode="all", title="Talk")
    cast.alice.patch(f"booking-pages/{page['id']}", {"host_mode": "round_robin", "notice": 60})
    asked = browser.post(address, stale)
    text = asked.content.decode()
    assert asked.status_code == 409 and "In turn" in text and "All together" in text
    assert "Title" not in text, "nobody else changed it"
    assert cast.alice.get(f"booking-pages/{page['id']}")["title"] == page["title"], "nothing is saved yet"
    assert browser.post(address, Form(text, 'name="host_mode"').fields).status_code == 302
    now = cast.alice.get(f"booking-pages/{page['id']}")
    assert (now["host_mode"], now["title"], now["notice"]) == ("all", "Talk", 60)


def test_a_stale_form_of_a_calendar_changes_only_what_its_person_changed(cast: Cast) -> None:
    with tenant(cast.account.pk):
        uuid = str(Calendar.objects.get(owner=cast.alice.member).uuid)
    browser, mark = cast.alice.browser(), f'action="/calendars/{uuid}"'
    stale = filled(browser, "/settings", mark, counts_busy=None)
    cast.alice.patch(f"calendars/{uuid}", {"name": "Plans", "color": "#123456"})
    browser.post(f"/calendars/{uuid}", stale)
    now = cast.alice.get(f"calendars/{uuid}")
    assert (now["name"], now["color"], now["counts_busy"]) == ("Plans", "#123456", False)
    stale = filled(browser, "/settings", mark, name="Mine")
    cast.alice.patch(f"calendars/{uuid}", {"name": "Theirs"})
    asked = browser.post(f"/calendars/{uuid}", stale)
    assert asked.status_code == 409 and b"Theirs" in asked.content and b"Mine" in asked.content


def test_a_stale_form_of_a_role_keeps_what_others_ticked(cast: Cast) -> None:
    role = cast.alice.post("roles", {"name": "Planner", "permissions": ["bookings.own"]})
    browser = just_signed_in(cast)
    ticked = ["bookings.own", "integrations.manage"]
    stale = filled(browser, "/settings", f'name="role" value="{role["id"]}"', permission=ticked)
    cast.alice.patch(f"roles/{role['id']}", {"name": "Planners", "permissions": ["calendars.manage"]})
    browser.post("/settings/account/role", stale)
    [now] = [found for found in cast.alice.get("roles")["items"] if found["id"] == role["id"]]
    assert now["name"] == "Planners" and now["permissions"] == ["calendars.manage", "integrations.manage"]


def test_saving_a_members_row_does_not_take_back_another_role(cast: Cast) -> None:
    role = cast.alice.post("roles", {"name": "Planner", "permissions": []})
    browser, mark = just_signed_in(cast), f'name="member" value="{cast.bob.member.uuid}"'
    stale = filled(browser, "/settings", mark)
    cast.alice.patch(f"members/{cast.bob.member.uuid}", {"role": role["id"]})
    browser.post("/settings/account/member", stale)
    assert cast.alice.get(f"members/{cast.bob.member.uuid}")["role"] == role["id"]
    stale["role"] = ["administrator"]
    asked = browser.post("/settings/account/member", stale)
    assert asked.status_code == 409 and b"Planner" in asked.content and b"Administrator" in asked.content
    assert cast.alice.get(f"members/{cast.bob.member.uuid}")["role"] == role["id"]


def test_a_stale_list_of_who_sees_a_calendar_takes_nobody_out(cast: Cast) -> None:
    with tenant(cast.account.pk):
        uuid = str(Calendar.objects.get(owner=cast.alice.member).uuid)
    bob, team = str(cast.bob.member.uuid), cast.alice.post("teams", {"name": "Board"})["id"]
    browser = cast.alice.browser()
    stale = filled(browser, f"/calendars/{uuid}/assign", 'name="assigned"', assigned=[f"team:{team}"])
    items = [{"kind": "agent", "id": bob, "level": "edit"}]
    cast.alice.put(f"calendars/{uuid}/assignments", {"items": items})
    browser.post(f"/calendars/{uuid}/assign", stale)
    now = {row["id"]: row["level"] for row in cast.alice.get(f"calendars/{uuid}/assignments")["items"]}
    assert now == {bob: "edit", team: "details"}


def test_a_stale_profile_and_account_keep_the_rest(cast: Cast) -> None:
    browser = cast.alice.browser()
    mine = filled(browser, "/settings", 'action="/settings/profile"', name="Alice")
    company = filled(browser, "/settings", 'action="/settings/account/account"', name="Acme")
    cast.alice.patch("profile", {"language": "es"})
    cast.alice.patch("account", {"time_zone": "UTC"})
    browser.post("/settings/profile", mine)
    browser.post("/settings/account/account", company)
    now = cast.alice.get("profile")
    assert (now["name"], now["language"]) == ("Alice", "es")
    assert (cast.alice.get("account")["name"], cast.alice.get("account")["time_zone"]) == ("Acme", "UTC")
