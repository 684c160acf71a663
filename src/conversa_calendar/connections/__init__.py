"""Google accounts that members authorised: consent, sealed tokens, renewal, the calendars that they can see."""
