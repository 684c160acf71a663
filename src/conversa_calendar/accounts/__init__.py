"""Tenants and the people in them: accounts, members, roles, teams, inboxes, the module switch."""
