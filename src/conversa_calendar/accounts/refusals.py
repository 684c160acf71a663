"""What a person is told when something cannot be done."""


class Refused(Exception):
    """A person asked for something that cannot be done; the message tells them why and what to do."""
