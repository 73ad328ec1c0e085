"""The stop button, its latches, and the order groups that make them hold."""

from kalshi_ext.stop.auto_groups import AutoGroups
from kalshi_ext.stop.button import cancel_all, stop
from kalshi_ext.stop.report import RestingOrder, StoppedGroup, StopReport
from kalshi_ext.stop.resume import note, resume

__all__ = [
    "AutoGroups",
    "RestingOrder",
    "StopReport",
    "StoppedGroup",
    "cancel_all",
    "note",
    "resume",
    "stop",
]
