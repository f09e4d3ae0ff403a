"""What the hub keeps on disk, in SQLite: platforms and all about them, agreements, the mirror, and hints.

Functions here take a connection and run inside the transaction of their caller: `Database.write` or
`Database.read`. One that raises leaves nothing behind, because that transaction is rolled back.
"""
