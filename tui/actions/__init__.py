"""Actions of the user, by subject; ``registry`` has them all."""
