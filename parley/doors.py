"""Every door of the house, and whether one sees through it what a call holds.

A door that shows words, sound or what was done in a call is noted in the log before it opens; the
others say why they are not. A command or a route that is not in here fails the tests.
"""

from recordings.access import Looked

Door = Looked | str
"""What is noted; or why nothing is."""

RUNS = "it runs something, and shows nothing that was said"
LISTS = "it lists what is there and since when: who called, not what was said"
DECIDES = "it decides about calls by their id, and opens nothing"
ROWS = "rows of its own, not of a call"
OTHERS = "it reads a file of others, without the store"
CIPHERTEXT = "it moves ciphertext, without keys"
PUBLIC = "no row of a call's contents"

COMMANDS: dict[str, Door] = {
    "serve": RUNS,
    "demo": "a call with itself, in a store of its own",
    "call": RUNS,
    "basis record": ROWS,
    "basis list": ROWS,
    "basis withdraw": ROWS,
    "consent file": ROWS,
    "consent list": "who agreed to what before any call; nothing of one",
    "consent revoke": ROWS,
    "dial": RUNS,
    "keys list": ROWS,
    "keys rotate": ROWS,
    "supervise": "whoever listens is a party of the call, and joined as one in the log",
    "emergency": ROWS,
    "calls": LISTS,
    "show": Looked.SHOWN,
    "transcript": Looked.TRANSCRIPT,
    "search": Looked.SEARCHED,
    "correct": Looked.REDACTED,
    "redact": Looked.REDACTED,
    "index rebuild": "it reads words into an index that holds none in clear",
    "replay": Looked.REPLAYED,
    "export": Looked.EXPORTED,
    "verify": OTHERS,
    "vcon verify": OTHERS,
    "vcon show": OTHERS,
    "vcon extract": OTHERS,
    "vcon import": "it writes, and shows the id of what it wrote",
    "hold place": DECIDES,
    "hold list": DECIDES,
    "hold release": DECIDES,
    "hold lock": DECIDES,
    "erase": DECIDES,
    "approve": DECIDES,
    "retention due": DECIDES,
    "retention run": DECIDES,
    "retention list": DECIDES,
    "retention stand": DECIDES,
    "retention unstand": DECIDES,
    "retention certificate": DECIDES,
    "retention policies": ROWS,
    "subject": Looked.EXPORTED,
    "notices list": DECIDES,
    "notices ack": DECIDES,
    "notices record": DECIDES,
    "identity new": ROWS,
    "identity list": ROWS,
    "identity suspend": ROWS,
    "identity resume": ROWS,
    "identity revoke": ROWS,
    "act": "an action of its own in the log",
    "proof": "hashes of entries",
    "backup": CIPHERTEXT,
    "restore": CIPHERTEXT,
    "module deploy": ROWS,
    "module list": ROWS,
    "module rollback": ROWS,
    "module pause": ROWS,
    "module resume": ROWS,
    "policy list": ROWS,
    "policy show": ROWS,
    "policy check": ROWS,
    "policy publish": ROWS,
    "policy simulate": ROWS,
    "check": RUNS,
}
"""Commands, with their verbs."""

ROUTES: dict[str, Door] = {
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /metrics": PUBLIC,
    "GET /openapi.json": PUBLIC,
    "GET /docs": PUBLIC,
    "GET /docs/oauth2-redirect": PUBLIC,
    "GET /redoc": PUBLIC,
    "GET /v1/calls": LISTS,
    "GET /v1/calls/{call}": "its state, without who called and what was said",
    "POST /v1/logins": ROWS,
    "DELETE /v1/logins/{login}": ROWS,
    "POST /v1/challenges": ROWS,
    "POST /v1/actions/{reducer}": "an action of its own in the log; reducers see ciphertext only",
    "WS /v1/live": "actions of their own in the log; reducers see ciphertext only",
}
"""HTTP and WebSocket."""
