"""A place where a partner tries itself: a hub with a simulated CPO and eMSP that answer, push and fail on request."""

from hub.sandbox.actions import ACTIONS, Sandbox
from hub.sandbox.desk import Desk

__all__ = ["ACTIONS", "Desk", "Sandbox"]
