"""Errors in settings and themes."""


class SettingsError(Exception):
    """An invalid setting or theme; the message names file, line and key."""
