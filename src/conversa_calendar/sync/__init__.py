"""The shell around the engine: observe, plan, guard, execute, settle; leases, channels, checks, disconnects.

Rooms, each of which knows those below it only: `tasks` and `listeners` (what sets sync going), `checks`, `running` (one
run), `explain`, `pull` and `push` (which do not know each other), `mirrors`, `links`, `run`, `models`.
"""
