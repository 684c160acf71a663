"""What sets a mirror going. A trigger carries no data: it counts up and wakes a worker, in the caller's transaction."""

from collections.abc import Iterable

from conversa_calendar.sync.models import Mirror, MirrorRun
from conversa_calendar.sync.run import jobs, leases
from conversa_calendar.sync.run.budget import Rank


def request_runs(mirror_ids: Iterable[int], *, is_pull: bool, is_flood: bool = False) -> None:
    """Wants a run of each mirror: for local edits (`is_pull` false) or to see what changed at the provider. In a flood
    (of notifications) a mirror that a worker has already been woken for gets no further job."""
    chosen = sorted(mirror_ids)
    if not chosen:
        return
    for wanted in leases.want(chosen, is_pull=is_pull):
        if not (is_flood and wanted.is_awake):
            jobs.enqueue_run(wanted.mirror_id, Rank.NEWS if is_pull else Rank.EDIT, wanted.waiting)


def set_active(mirror_ids: Iterable[int], *, is_active: bool) -> None:
    """Lets runs happen or rest. Resting keeps everything pending and ends what is under way, so that nothing is stored
    any more once this is committed. What somebody connected who was suspended rests, whoever wants it to go on."""
    chosen = sorted(mirror_ids)
    if is_active:
        resting = Mirror.objects.filter(pk__in=chosen, connection__owner__is_suspended=True)
        chosen = sorted(set(chosen) - set(resting.values_list("pk", flat=True)))
    if not is_active:
        for mirror_id in chosen:
            leases.revoke(mirror_id)
    MirrorRun.objects.filter(mirror_id__in=chosen).update(is_active=is_active, next_attempt_at=None)
