"""The front door: what customers import, the command line, the configuration."""

from conversation.agent import (
    Agent,
    AgentSession,
    ChatMessage,
    ConsultOutcome,
    RunContext,
    SpeechHandle,
    ToolError,
    TransferOutcome,
    function_tool,
)

__all__ = [
    "Agent",
    "AgentSession",
    "ChatMessage",
    "ConsultOutcome",
    "RunContext",
    "SpeechHandle",
    "ToolError",
    "TransferOutcome",
    "function_tool",
]
