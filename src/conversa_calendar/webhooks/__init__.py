"""What the outside hears of an account: the change feed as each reader may see it, and webhooks."""
