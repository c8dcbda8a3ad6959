"""Sources of a module for the tests, in versions."""

TABLES = '''
from runtime import table


@table()
class Slot:
    """A slot somebody took."""

    id: str
    name: str
'''

REDUCERS = '''
from runtime import Context, Refused, reducer

from .tables import Slot


@reducer
def slot_taken(ctx: Context, slot: str, name: str) -> str:
    """Somebody took a slot."""
    return ctx.table(Slot).insert(Slot(id=slot, name=GREETED(name))).name


@reducer
def slot_freed(ctx: Context, slot: str) -> None:
    """And gave it back."""
    ctx.table(Slot).delete(ctx.table(Slot).one(slot))


def GREETED(name: str) -> str:
    return name
'''

FIRST = {
    "__init__.py": "from .reducers import slot_taken\n",
    "tables.py": TABLES,
    "reducers.py": REDUCERS,
}

GREETING = FIRST | {"reducers.py": REDUCERS.replace("return name\n", 'return f"Dear {name}"\n')}
"""Another result for the same action."""

LONGER = FIRST | {
    "tables.py": f"{TABLES}    seats: int = 1\n",
    "reducers.py": f'''{REDUCERS}

@reducer
def seats_changed(ctx: Context, slot: str, seats: int) -> int:
    """More people come."""
    row = ctx.table(Slot).one(slot)
    return ctx.table(Slot).replace(Slot(id=slot, name=row.name, seats=seats)).seats
''',
}
"""One column and one reducer more; what it shares with the first does the same."""

LATER = LONGER | {"__init__.py": "from .reducers import seats_changed, slot_taken\n"}

SHORTER = FIRST | {
    "tables.py": TABLES.replace("    name: str\n", ""),
    "reducers.py": REDUCERS.replace(", name=GREETED(name)).name", ").id"),
}

SEEDED = FIRST | {
    "reducers.py": f'''{REDUCERS}

@reducer
def initialised(ctx: Context, version: str) -> None:
    """The first slot is taken from the start."""
    ctx.table(Slot).insert(Slot(id="first", name=version))
'''
}

FAILING = SEEDED | {
    "reducers.py": SEEDED["reducers.py"].replace(
        'ctx.table(Slot).insert(Slot(id="first", name=version))', 'raise Refused("not today")'
    )
}

CLOCK = FIRST | {
    "reducers.py": "import time\n"
    + REDUCERS.replace("return name\n", "return name + str(time.time())\n")
}

REWRITING = SEEDED | {
    "tables.py": f'''{TABLES}

@table(append_only=True)
class Note:
    """What can only be added."""

    id: str
''',
    "reducers.py": SEEDED["reducers.py"]
    .replace("import Slot", "import Note, Slot")
    .replace(
        'ctx.table(Slot).insert(Slot(id="first", name=version))',
        'ctx.table(Note).delete(ctx.table(Note).insert(Note(id="a")))',
    ),
}
"""Changes what can only be added."""
