"""Stores a stream with websockets, orjson and sqlite3: a transaction of a thousand messages at a time."""
import asyncio
import sqlite3
import sys

import orjson
from websockets.asyncio.client import connect

db = sqlite3.connect(sys.argv[2], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA synchronous = NORMAL")
db.execute(
    "CREATE TABLE interaction (n INTEGER PRIMARY KEY, hash TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL,"
    " UNIQUE (hash, id))"
)


async def main():
    rows = []
    async with connect(sys.argv[1], compression=None, max_size=None) as socket:
        async for text in socket:
            message = orjson.loads(text)
            data = message.get("data")
            if data is None:
                continue
            rows.append((message["hash"], data["interaction"]["id"], orjson.dumps(data).decode()))
            if len(rows) == 1000:
                db.execute("BEGIN")
                db.executemany("INSERT OR IGNORE INTO interaction (hash, id, data) VALUES (?, ?, ?)", rows)
                db.execute("COMMIT")
                rows.clear()


asyncio.run(main())
