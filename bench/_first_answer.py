"""A process that opens a store, has one action answered, and says so: it is timed from outside."""

import asyncio
import sys
from pathlib import Path

from bench._measure import opened, paid_in


async def main(path: Path) -> None:
    """Answer one action, print a line, close."""
    store = await opened(path)
    await store.act(paid_in, sender="bench", account="first", cents=1)
    print("answered", flush=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
