"""Sync in words: what the rows show, for pages, the API and the command line. Only looks."""
