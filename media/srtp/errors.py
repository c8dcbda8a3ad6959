"""Why a packet is not taken. Each is counted by who receives it; none ends a stream."""


class SrtpError(ValueError):
    """No packet of SRTP: too short, or its header does not hold together."""


class AuthenticationError(SrtpError):
    """Not sealed with this key, or changed on its way."""


class ReplayError(SrtpError):
    """Taken already, or too old to tell."""
