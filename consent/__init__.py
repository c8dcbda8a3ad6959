"""The law of the house: who agreed to what. The only maker of a grant."""
