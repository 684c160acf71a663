"""Where Google's notifications arrive."""
