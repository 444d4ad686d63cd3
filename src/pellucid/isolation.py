"""Isolation for users: `isolated`, under which untrusted files are decoded in child processes."""

from pellucid.safety.isolation import isolated

__all__ = ["isolated"]
