"""Isolation: files of strangers decoded in child processes under limits, a second wall behind the readers."""

from pellucid.isolation.room import Room, current, isolated

__all__ = ["Room", "current", "isolated"]
