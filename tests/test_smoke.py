from tests.support.cast import Cast
from tests.support.google import Google, at


def test_smoke(cast: Cast, google: Google) -> None:
    ana = google.person("ana@acme.example")
    ev = ana.insert(summary="hello", start=at("2026-12-01T09:00:00"), end=at("2026-12-01T10:00:00"))
    connection = google.connect(cast.alice, "ana@acme.example")
    mirror = google.mirror(cast.alice, connection, "ana@acme.example")
    rows = cast.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-01-01T00:00:00Z")["items"]
    assert [r["summary"] for r in rows] == ["hello"], rows
    created = cast.alice.post("events", {"calendar": str(mirror.calendar.uuid), "summary": "from here", "start": {"date_time": "2026-12-02T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}})
    google.settle()
    assert {e["summary"] for e in ana.list()} == {"hello", "from here"}
    ana.patch(ev["id"], summary="hello 2")
    google.check()
    cast.alice.patch(f"events/{created['id']}", {"location": "Room 1"})
    google.settle()
    shown = cast.alice.get(f"events/{created['id']}")
    assert shown["sync"]["state"] == "synced", shown
    assert ana.get(shown["sync"]["google_event_id"])["location"] == "Room 1"
    mark = google.mark()
    for _ in range(5):
        google.check()
    assert google.writes(mark) == []
