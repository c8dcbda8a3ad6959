"""The front door: what customers import, the command line, the configuration."""
