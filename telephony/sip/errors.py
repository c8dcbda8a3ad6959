"""What is wrong with what a peer sent, or with what we were asked to send."""


class GrammarError(ValueError):
    """A header or URI does not follow RFC 3261 section 25.1."""


class HeaderError(ValueError):
    """A value which must not be sent: it would end its own line."""


class NoListener(ValueError):
    """Nothing of ours could be reached by the transport that a request would go by."""
