-- Documents with their graph, vectors and cache in one file: a version is written, made live and cleaned up in one transaction.
-- Only live versions have a body, chunks, nodes and edges; of older ones document_version keeps a line.

CREATE TABLE document (
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    live_version INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    -- The source's own order, decimal digits; and arrival order.
    sequence TEXT,
    position INTEGER NOT NULL,
    content_hash BLOB NOT NULL,
    event BLOB NOT NULL
) STRICT;
CREATE INDEX document_of_source ON document (source, id) WHERE deleted = 0;

CREATE TABLE document_version (
    document INTEGER NOT NULL REFERENCES document (no),
    version INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    title TEXT NOT NULL,
    content_hash BLOB NOT NULL,
    event BLOB NOT NULL,
    plugin_name TEXT,
    plugin_version TEXT,
    plugin_digest BLOB,
    committed_at INTEGER NOT NULL,
    PRIMARY KEY (document, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE body (
    document INTEGER PRIMARY KEY REFERENCES document (no),
    version INTEGER NOT NULL,
    content TEXT NOT NULL,
    media_type TEXT NOT NULL,
    occurred_at TEXT,
    metadata TEXT NOT NULL,
    attachments TEXT NOT NULL
) STRICT;

-- Vectors by what was embedded: chunks with the same text share one, and the pipeline finds it again.
CREATE TABLE embedding (
    no INTEGER PRIMARY KEY,
    model TEXT NOT NULL,
    hash BLOB NOT NULL,
    -- 32-bit floats, little endian.
    vector BLOB NOT NULL,
    UNIQUE (model, hash)
) STRICT;

CREATE TABLE chunk (
    document INTEGER NOT NULL REFERENCES document (no),
    version INTEGER NOT NULL,
    place INTEGER NOT NULL,
    text TEXT NOT NULL,
    embedding INTEGER NOT NULL REFERENCES embedding (no),
    PRIMARY KEY (document, version, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX chunk_of_embedding ON chunk (embedding);

CREATE TABLE node (
    document INTEGER NOT NULL REFERENCES document (no),
    version INTEGER NOT NULL,
    place INTEGER NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    -- The name in lower case: how people ask for it.
    folded TEXT NOT NULL,
    PRIMARY KEY (document, version, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX node_by_key ON node (key);
CREATE INDEX node_by_name ON node (folded);

CREATE TABLE edge (
    document INTEGER NOT NULL REFERENCES document (no),
    version INTEGER NOT NULL,
    place INTEGER NOT NULL,
    start TEXT NOT NULL,
    kind TEXT NOT NULL,
    finish TEXT NOT NULL,
    PRIMARY KEY (document, version, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX edge_by_start ON edge (start);
CREATE INDEX edge_by_finish ON edge (finish);
