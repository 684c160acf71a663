"""The shell around the engine: observe, plan, guard, execute, settle; leases, channels, checks, disconnects."""
