"""Every schema and every operation of the contract. An area is a module with `SCHEMAS` and `OPERATIONS`, named here."""

from conversa_calendar.api.contract import bookings, connections, events, formats, people, problems, webhooks
from conversa_calendar.api.contract.shapes import Operation, Schema

AREAS = (people, events, connections, bookings, formats, webhooks, problems)
SCHEMAS: dict[str, Schema] = {name: schema for area in AREAS for name, schema in area.SCHEMAS.items()}
OPERATIONS: dict[str, Operation] = {name: one for area in AREAS for name, one in area.OPERATIONS.items()}
