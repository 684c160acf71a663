"""The first account of a new installation, through a link that works while there is none."""

from django.core import signing
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from conversa_calendar.accounts import joining, permissions, services
from conversa_calendar.accounts.models import Account
from conversa_calendar.accounts.tenancy import tenant

SALT = "first-account"
LINK_S = 24 * 3600


@require_http_methods(["GET", "POST"])
def first_account(request: HttpRequest, token: str) -> HttpResponse:
    try:
        signing.loads(token, salt=SALT, max_age=LINK_S)
    except signing.BadSignature:
        return render(request, "dashboard/not_found.html", status=404)
    if Account.objects.exists():
        return render(request, "dashboard/not_found.html", status=404)
    problems: list[str] = []
    if request.method == "POST":
        problems = services.password_problems(request.POST.get("password", ""))
        if not problems:
            try:
                _create(request)
            except services.Refused as error:
                problems = [str(error)]
            else:
                return redirect("account_login")
    return render(request, "dashboard/setup.html", {"problems": problems}, status=422 if problems else 200)


def _create(request: HttpRequest) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('first-account'))")
        if Account.objects.exists():
            raise services.Refused("There is an account already.")
        account = services.create_account(name=request.POST.get("name", "").strip() or "Account")
        with tenant(account.pk):
            joining.add_member_as_operator(
                email=request.POST.get("email", ""),
                name=request.POST.get("person", ""),
                password=request.POST["password"],
                built_in=permissions.ADMINISTRATOR,
            )
