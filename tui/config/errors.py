"""What can be wrong with settings and themes."""


class SettingsError(Exception):
    """A setting or theme that cannot be used: a sentence for the person who wrote it."""
