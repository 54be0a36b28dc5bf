"""Stores a stream with picows, orjson and sqlite3: a transaction of a thousand messages at a time."""
import asyncio
import sqlite3
import sys

import orjson
from picows import WSListener, WSMsgType, ws_connect

db = sqlite3.connect(sys.argv[2], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA synchronous = NORMAL")
db.execute(
    "CREATE TABLE interaction (n INTEGER PRIMARY KEY, hash TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL,"
    " UNIQUE (hash, id))"
)
rows = []


class Listener(WSListener):
    def on_ws_frame(self, transport, frame):
        if frame.msg_type != WSMsgType.TEXT:
            return
        message = orjson.loads(frame.get_payload_as_memoryview())
        data = message.get("data")
        if data is None:
            return
        rows.append((message["hash"], data["interaction"]["id"], orjson.dumps(data).decode()))
        if len(rows) == 1000:
            db.execute("BEGIN")
            db.executemany("INSERT OR IGNORE INTO interaction (hash, id, data) VALUES (?, ?, ?)", rows)
            db.execute("COMMIT")
            rows.clear()


async def main():
    transport, _ = await ws_connect(Listener, sys.argv[1])
    await transport.wait_disconnected()


asyncio.run(main())
