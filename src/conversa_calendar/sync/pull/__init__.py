"""From the provider to here: pages of a listing, and what is missing from them."""
