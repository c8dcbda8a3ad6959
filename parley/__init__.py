"""The front door: what customers import, the command line, the configuration."""

from consent.permit import NotPermitted, Permit
from conversation.agent import (
    Agent,
    AgentSession,
    ChatMessage,
    ConsultOutcome,
    RunContext,
    SecureDigits,
    SpeechHandle,
    ToolError,
    TransferOutcome,
    function_tool,
)
from conversation.vendors import VendorClient

__all__ = [
    "Agent",
    "AgentSession",
    "ChatMessage",
    "ConsultOutcome",
    "NotPermitted",
    "Permit",
    "RunContext",
    "SecureDigits",
    "SpeechHandle",
    "ToolError",
    "TransferOutcome",
    "VendorClient",
    "function_tool",
]
