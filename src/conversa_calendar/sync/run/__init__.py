"""What a run stands on: its lease, its seat, its room in the quota, what it has loaded, and what sets it going."""
