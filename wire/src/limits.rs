//! Every bound in one place, as plain data with safe defaults. A limit that is hit refuses the one request
//! and never the server. To add one: a field here, its check where the cost arises, a test beside it.

use std::time::Duration;

/// All settings of a mounted schema.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Bounds on documents, checked before anything walks them.
    pub document: DocumentLimits,
    /// Bounds on HTTP requests.
    pub http: HttpLimits,
    /// Bounds on uploads by the multipart request specification.
    pub upload: UploadLimits,
    /// Bounds and clocks of WebSockets.
    pub socket: SocketLimits,
    /// Clocks of server-sent events and multipart subscriptions.
    pub stream: StreamLimits,
}

/// Bounds on a GraphQL document. Fragments are counted where they are spread, but walked once.
#[derive(Debug, Clone)]
pub struct DocumentLimits {
    /// Longest document, in bytes.
    pub bytes: usize,
    /// Lexical tokens (spec, section 2.1.6).
    pub tokens: usize,
    /// Nesting of brackets of any kind, which is what recursion in a parser costs.
    pub nesting: usize,
    /// Nesting of fields in one operation. The introspection query of the usual tools needs 15.
    pub depth: usize,
    /// Fields of one operation with every fragment spread out.
    pub fields: usize,
    /// Aliases of one operation with every fragment spread out.
    pub aliases: usize,
    /// Directives of one operation with every fragment spread out.
    pub directives: usize,
    /// Fragments spread within fragments.
    pub fragment_depth: usize,
    /// Lists within lists in introspection (`fields`, `interfaces`, `possibleTypes`, `inputFields`): from this on
    /// answers grow with a power of the schema's size. graphql-js refuses at the same number.
    pub introspection_lists: usize,
    /// Errors in one answer to a refused document; the rest is left out.
    pub errors: usize,
    /// Whether `__schema` and `__type` are answered.
    pub introspection: bool,
    /// Checked documents that are remembered.
    pub cached_documents: usize,
    /// Source text of remembered documents, in bytes. Their trees take about twenty times as much.
    pub cached_bytes: usize,
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self {
            bytes: 128 * 1024,
            tokens: 15_000,
            nesting: 100,
            depth: 24,
            fields: 5_000,
            aliases: 200,
            directives: 200,
            fragment_depth: 50,
            introspection_lists: 3,
            errors: 20,
            introspection: true,
            cached_documents: 1_000,
            cached_bytes: 2 * 1024 * 1024,
        }
    }
}

/// Bounds on one HTTP request.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Largest JSON body, in bytes; also the largest `operations` field of an upload.
    pub body_bytes: usize,
    /// For reading a JSON body, and again for running a query or mutation, on sockets too.
    pub time: Duration,
    /// Largest batch. `None` refuses every array body.
    pub batch: Option<usize>,
    /// How long a refused body is still read (and thrown away), so that the client gets to see the refusal.
    pub linger: Duration,
    /// A `multipart/form-data` request must carry one of these headers: a page of another origin can send the
    /// content type without a preflight, but no header of its own.
    pub preflight_headers: Vec<http::HeaderName>,
    /// Persisted queries that are remembered; 0 switches them off.
    pub persisted_queries: usize,
    /// Text of persisted queries, in bytes.
    pub persisted_bytes: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            time: Duration::from_secs(30),
            batch: None,
            linger: Duration::from_secs(2),
            preflight_headers: [
                "graphql-require-preflight",
                "apollo-require-preflight",
                "x-apollo-operation-name",
            ]
            .map(http::HeaderName::from_static)
            .to_vec(),
            persisted_queries: 1_000,
            persisted_bytes: 2 * 1024 * 1024,
        }
    }
}

/// Bounds on uploads (graphql-multipart-request-spec).
#[derive(Debug, Clone)]
pub struct UploadLimits {
    /// Largest single file, in bytes.
    pub file_bytes: u64,
    /// Files of one request, and places that files are mapped to.
    pub files: usize,
    /// All files of one request, in bytes.
    pub total_bytes: u64,
    /// From the end of authentication to the last byte of the last file.
    pub time: Duration,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            file_bytes: 16 * 1024 * 1024,
            files: 10,
            total_bytes: 48 * 1024 * 1024,
            time: Duration::from_secs(300),
        }
    }
}

/// Bounds and clocks of one WebSocket.
#[derive(Debug, Clone)]
pub struct SocketLimits {
    /// Operations that run at the same time on one socket.
    pub operations: usize,
    /// Largest message of a client, in bytes.
    pub message_bytes: usize,
    /// Sockets and streams of one [`Identity::key`](crate::Identity::key).
    pub per_key: usize,
    /// Sockets and streams of the process.
    pub total: usize,
    /// From the upgrade to `connection_init`; then 4408.
    pub init: Duration,
    /// After so much silence of the peer the server sends a WebSocket ping.
    pub ping: Duration,
    /// Without a sign of life so long after the ping the peer is dropped.
    pub pong: Duration,
    /// A peer that takes so long to take one message is dropped.
    pub write: Duration,
    /// From our close frame to the end of the connection, for the peer's close frame.
    pub close: Duration,
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self {
            operations: 100,
            message_bytes: 1024 * 1024,
            per_key: 100,
            total: 50_000,
            init: Duration::from_secs(5),
            ping: Duration::from_secs(20),
            pong: Duration::from_secs(10),
            write: Duration::from_secs(10),
            close: Duration::from_secs(1),
        }
    }
}

/// Clocks of streams over HTTP.
#[derive(Debug, Clone)]
pub struct StreamLimits {
    /// After so much silence a heartbeat is sent: a comment in server-sent events, `{}` in multipart.
    pub heartbeat: Duration,
    /// A reader that takes so long to take one event is given up: its source stops and its place is free.
    pub write: Duration,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(12),
            write: Duration::from_secs(20),
        }
    }
}
