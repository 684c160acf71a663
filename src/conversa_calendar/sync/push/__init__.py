"""From here to the provider: the next action, its call, and what the answer settles."""
