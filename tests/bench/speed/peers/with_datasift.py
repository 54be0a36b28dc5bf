"""Stores a stream with the official client (datasift 2.12.1, Python 2.7) and sqlite3.

The client runs as it is; only the address is ours, as it has none but its own, and the callbacks of all streams are set
beforehand, so that no subscription is waited for.
"""
import json
import site
import sqlite3
import sys

site.addsitedir(sys.argv[3])

from datasift.client import Client  # noqa: E402
from datasift.live_stream import LiveStreamFactory  # noqa: E402

db = sqlite3.connect(sys.argv[2], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA synchronous = NORMAL")
db.execute(
    "CREATE TABLE interaction (n INTEGER PRIMARY KEY, hash TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL,"
    " UNIQUE (hash, id))"
)
rows = []


class Streams(dict):
    """Every stream has a callback."""

    def __contains__(self, name):
        return True

    def __getitem__(self, name):
        return lambda data: store(name, data)


def store(name, data):
    rows.append((name, data["interaction"]["id"], json.dumps(data, default=str)))
    if len(rows) == 1000:
        db.execute("BEGIN")
        db.executemany("INSERT OR IGNORE INTO interaction (hash, id, data) VALUES (?, ?, ?)", rows)
        db.execute("COMMIT")
        del rows[:]


client = Client("acme", "key", ssl=False)
client._on_open = lambda: None
client._on_delete = lambda interaction: None
client.subscriptions = Streams()
client.factory = LiveStreamFactory(sys.argv[1], debug=False)
client._stream()
