//! Where browsers land: a page that says where the API is, until a dashboard is built in. And the
//! headers under which browsers treat every answer.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use super::answer;

const HOME: &str = "<!doctype html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>agentic-executions</title></head>
<body>
<h1>agentic-executions</h1>
<p>The GraphQL API is at <code>/graphql</code>. It wants a token:
<code>Authorization: Bearer &lt;token&gt;</code>, made by
<code>agentic-executions token create --user &lt;name&gt;</code>.</p>
<p>No dashboard is built into this binary.</p>
</body>
</html>
";

const GRAPHIQL: &str = "<!doctype html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>agentic-executions</title></head>
<body>
<h1>GraphiQL</h1>
<p>The playground comes with the dashboard, and no dashboard is built into this binary. Any GraphQL
client can explore the schema at <code>/graphql</code>.</p>
</body>
</html>
";

pub(super) async fn home(request: Request) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Html(HOME).into_response();
    }
    let mut answer = answer::method_not_allowed().await;
    answer
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
    answer
}

pub(super) async fn graphiql() -> Response {
    Html(GRAPHIQL).into_response()
}

/// What holds for every answer that does not say otherwise.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    // Answers hold what only their viewer may see.
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

pub(super) async fn secure(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    for (name, value) in HEADERS {
        let headers = answer.headers_mut();
        headers
            .entry(name)
            .or_insert_with(|| HeaderValue::from_static(value));
    }
    answer
}
