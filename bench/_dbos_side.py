"""DBOS doing the work of `bench.dbos`, in a process of its own: one line of JSON per count."""

import argparse
import json
import sqlite3
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy
from dbos import DBOS, SetWorkflowID, SQLAlchemyDatasource

UPSERT = sqlalchemy.text(
    "INSERT INTO account VALUES (:account, :cents) ON CONFLICT (id)"
    " DO UPDATE SET cents = account.cents + :cents RETURNING cents"
)
TABLE = sqlalchemy.text("CREATE TABLE account (id TEXT PRIMARY KEY, cents INTEGER NOT NULL)")
LITE_SETTINGS = ("PRAGMA journal_mode", "PRAGMA synchronous")
POSTGRES_SETTINGS = ("SHOW synchronous_commit", "SHOW fsync")
WARM_UP = 50


def main() -> None:
    """`--url URL --seconds S CLIENTS...`"""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("clients", type=int, nargs="+")
    chosen = parser.parse_args()
    lite = chosen.url.startswith("sqlite")
    # Each client is a thread, as their synchronous API wants it, with a connection to spare.
    pool = max(chosen.clients) + 4
    system = app = chosen.url
    if lite:
        system, app = f"{chosen.url}sys.db", f"{chosen.url}app.db"
    for url in {system, app} if lite else ():
        # They leave SQLite's rollback journal on; the write-ahead log is faster and as durable.
        connection = sqlite3.connect(Path(urlsplit(url).path[1:]))
        connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
    DBOS(
        config={
            "name": "bench",
            "system_database_url": system,
            "sys_db_pool_size": pool,
            "log_level": "ERROR",
            "max_executor_threads": pool,
        }
    )
    source = SQLAlchemyDatasource.create(app, engine_kwargs={"pool_size": pool, "max_overflow": 0})
    with source.engine.begin() as connection_:
        connection_.execute(TABLE)

    # Every client has a row of its own, so the cheapest isolation is as right as the dearest.
    @source.transaction(isolation_level="SERIALIZABLE" if lite else "READ COMMITTED")
    def paid_in(account: str, cents: int) -> int:
        given = {"account": account, "cents": cents}
        return int(source.sql_session().execute(UPSERT, given).scalar_one())

    @DBOS.workflow()
    def pay(account: str, cents: int) -> int:
        return paid_in(account, cents)

    DBOS.launch()
    asked = LITE_SETTINGS if lite else POSTGRES_SETTINGS
    with source.engine.connect() as asking:
        shown = [str(asking.execute(sqlalchemy.text(one)).scalar()) for one in asked]
    print(
        json.dumps(
            {"settings": "; ".join(f"{one} = {is_}" for one, is_ in zip(asked, shown, strict=True))}
        ),
        flush=True,
    )
    for n in range(WARM_UP):
        with SetWorkflowID(f"warm/{n}"):
            pay("warm", 1)

    def client(count: int, n: int, until: float, taken: list[float]) -> None:
        done = 0
        while (began := time.perf_counter()) < until:
            done += 1
            with SetWorkflowID(f"{count}/{n}/{done}"):
                pay(f"a{n}", 1)
            taken.append(time.perf_counter() - began)

    for count in chosen.clients:
        taken: list[float] = []
        until = time.perf_counter() + chosen.seconds
        threads = [
            threading.Thread(target=client, args=(count, n, until, taken)) for n in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(json.dumps({"clients": count, "times": taken}), flush=True)
    DBOS.destroy()


if __name__ == "__main__":
    main()
