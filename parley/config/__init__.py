"""One frozen Config: from parley.toml, PARLEY_SECTION_KEY variables, and working defaults."""

from parley.config.loading import from_json, load, parse
from parley.config.reading import ConfigError
from parley.config.sections import (
    Agent,
    Config,
    Consent,
    Evidence,
    Http,
    Keys,
    Media,
    Model,
    Recorder,
    Recording,
    Sip,
    Speech,
    Store,
    Trunk,
    Vendor,
)
from parley.config.values import Endpoint, PortRange, Secret, SecretError

__all__ = [
    "Agent",
    "Config",
    "ConfigError",
    "Consent",
    "Endpoint",
    "Evidence",
    "Http",
    "Keys",
    "Media",
    "Model",
    "PortRange",
    "Recorder",
    "Recording",
    "Secret",
    "SecretError",
    "Sip",
    "Speech",
    "Store",
    "Trunk",
    "Vendor",
    "from_json",
    "load",
    "parse",
]
