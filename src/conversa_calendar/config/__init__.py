"""Settings, wiring and processes: the one place that reads the environment."""
