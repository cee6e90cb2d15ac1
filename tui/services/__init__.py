"""Long-lived services without screens: sessions, models, replies, downloads."""
