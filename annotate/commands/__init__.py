"""The commands that people type: push, status, next, serve, stop."""
