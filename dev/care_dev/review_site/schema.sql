-- Tables of the local review site. Times are in RFC 3339 format, in UTC with microseconds, so that they sort as text.

CREATE TABLE IF NOT EXISTS review (
    organization TEXT NOT NULL,
    external_id TEXT NOT NULL,
    name TEXT NOT NULL,
    location TEXT NOT NULL,
    display_name TEXT NOT NULL,
    is_anonymous INTEGER NOT NULL,
    stars INTEGER NOT NULL CHECK (stars BETWEEN 1 AND 5),
    comment TEXT NOT NULL,
    create_time TEXT NOT NULL,
    update_time TEXT NOT NULL,
    reply TEXT,               -- the public reply; null if there is none
    reply_time TEXT,          -- when the reply was last put, deleted or taken down; null if there never was one
    is_taken_down INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (organization, external_id)
) STRICT, WITHOUT ROWID;

-- All changes to replies, in order.
CREATE TABLE IF NOT EXISTS reply_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organization TEXT NOT NULL,
    external_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('PUT', 'DELETE', 'TAKE_DOWN')),
    comment TEXT,
    time TEXT NOT NULL,
    idempotency_key TEXT
) STRICT;

CREATE INDEX IF NOT EXISTS reply_event_by_review ON reply_event (organization, external_id, id);

CREATE UNIQUE INDEX IF NOT EXISTS reply_event_once_per_key
ON reply_event (organization, external_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- An empty organization or external_id means all of them.
CREATE TABLE IF NOT EXISTS behavior (
    organization TEXT NOT NULL,
    external_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    delay_seconds REAL NOT NULL,
    PRIMARY KEY (organization, external_id)
) STRICT, WITHOUT ROWID;
