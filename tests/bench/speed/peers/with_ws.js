// Stores a stream with ws and better-sqlite3: a transaction of a thousand messages at a time.
const WebSocket = require('ws')
const Database = require('better-sqlite3')

const [url, stored] = process.argv.slice(1).filter((word) => word !== '--')
const db = new Database(stored)
db.pragma('journal_mode = WAL')
db.pragma('synchronous = NORMAL')
db.exec(`CREATE TABLE interaction (n INTEGER PRIMARY KEY, hash TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL,
  UNIQUE (hash, id))`)
const insert = db.prepare('INSERT OR IGNORE INTO interaction (hash, id, data) VALUES (?, ?, ?)')
const store = db.transaction((rows) => {
  for (const row of rows) insert.run(...row)
})
let rows = []
new WebSocket(url, { perMessageDeflate: false }).on('message', (bytes) => {
  const message = JSON.parse(bytes)
  if (!message.data) return
  rows.push([message.hash, message.data.interaction.id, JSON.stringify(message.data)])
  if (rows.length === 1000) {
    store(rows)
    rows = []
  }
})
