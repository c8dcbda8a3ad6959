"""What a module that is deployed is made with: tables, reducers, and an agent that acts.

A module is a folder (or one file) with an `__init__.py` that shows one subclass of
`parley.Agent`. It goes live with `parley module deploy FOLDER`.
"""

from runtime import Context, Refused, Sealed, reducer, table

__all__ = ["Context", "Refused", "Sealed", "reducer", "table"]
