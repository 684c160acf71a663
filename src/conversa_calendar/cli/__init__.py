"""The command line: `conversa-calendar …` for operators, `python -m conversa_calendar.cli.demo` behind `make demo`."""
