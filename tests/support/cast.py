"""The cast of every test: Alice administers, Bob is an agent, Charlie belongs to another account."""

from dataclasses import dataclass
from typing import Any

from django.test import Client

from conversa_calendar.accounts import joining, permissions, services
from conversa_calendar.accounts.models import Account, Member
from conversa_calendar.accounts.tenancy import tenant
from tests.support import contract

PASSWORD = "correct horse battery"


@dataclass
class Actor:
    member: Member
    token: str

    @property
    def account_id(self) -> int:
        return self.member.account_id

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """An API call as this person; answers the response."""
        extra = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        client = Client(HTTP_AUTHORIZATION=f"Bearer {self.token}")
        options = {"data": body, "content_type": "application/json"} if body is not None else {}
        if body is None and method in {"POST", "PUT", "PATCH"}:
            options = {"data": "", "content_type": "application/json"}  # no body at all, as a program sends it
        answer = getattr(client, method.lower())(f"/api/v1/{path}", **options, **extra)
        contract.check(method, f"/api/v1/{path}", body, answer)
        return answer

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        answer = self.call("POST", path, body if body is not None else {}, **headers)
        assert answer.status_code < 300, answer.content
        return answer.json()

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        answer = self.call("PATCH", path, body, **headers)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def put(self, path: str, body: Any) -> Any:
        answer = self.call("PUT", path, body)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def delete(self, path: str) -> None:
        answer = self.call("DELETE", path)
        assert answer.status_code in {202, 204}, answer.content

    def browser(self) -> Client:
        """A signed-in browser."""
        client = Client()
        assert client.login(email=self.member.user.email, password=PASSWORD)
        return client


@dataclass
class Cast:
    account: Account
    alice: Actor
    bob: Actor
    other: Account
    charlie: Actor


def build_cast() -> Cast:
    account = services.create_account(name="Acme Support", time_zone="America/Sao_Paulo", is_calendar_enabled=True)
    other = services.create_account(name="Other Ltd", time_zone="Europe/Lisbon", is_calendar_enabled=True)
    return Cast(
        account,
        new_actor(account, "alice@acme.example", "Alice Lima", permissions.ADMINISTRATOR),
        new_actor(account, "bob@acme.example", "Bob Reis", permissions.AGENT),
        other,
        new_actor(other, "charlie@other.example", "Charlie Rocha", permissions.ADMINISTRATOR),
    )


def new_actor(account: Account, email: str, name: str, role: str) -> Actor:
    """One more member, with a token that may do whatever they may."""
    with tenant(account.pk):
        member = joining.add_member_as_operator(email=email, name=name, password=PASSWORD, built_in=role)
        member.account = account
    _token, secret = services.create_token(member=member, name="tests", scopes=[permissions.ALL])
    return Actor(member, secret)
