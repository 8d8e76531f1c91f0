//! The dashboard and the playground, as Vite built them under `web/dist`: embedded in a release
//! binary, read from the folder by a debug one. Where there is none, a page says how to make it.
//! And the headers under which browsers treat every answer.
//!
//! Texts lie there compressed as well, and go out as they lie there. Files under `assets/` have
//! their content's hash in their name and never change; every path that is no file is the page's
//! own to route.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::answer;

/// What was built. `cargo build` and the tests do without.
#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
pub(super) struct Built;

const MISSING: &str = "<!doctype html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>agentic-executions</title></head>
<body>
<h1>agentic-executions</h1>
<p>The GraphQL API is at <code>/graphql</code>. It wants a token:
<code>Authorization: Bearer &lt;token&gt;</code>, made by
<code>agentic-executions token create --user &lt;name&gt;</code>.</p>
<p>The dashboard and the playground were not built. <code>make run</code> builds them; so does
<code>npm ci &amp;&amp; npm run build</code> in <code>web/</code>. A release binary has to be built
after that, for they are built into it.</p>
</body>
</html>
";

/// The page runs its own scripts and nothing else, and talks to this server alone.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; font-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The playground's editor writes its styles into the document.
const GRAPHIQL_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; font-src 'self' data:; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A year: what it names never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// Kept, and asked for again each time: it names what is built now.
const ASK_AGAIN: &str = "no-cache";

const ASSETS: &str = "assets/";
const INDEX: &str = "index.html";
const GRAPHIQL: &str = "graphiql.html";

/// Whatever no other route answers.
pub(super) async fn home(request: Request) -> Response {
    find::<Built>(request.method(), request.uri().path(), request.headers()).await
}

async fn find<F: RustEmbed>(method: &Method, path: &str, headers: &HeaderMap) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut answer = answer::method_not_allowed().await;
        answer
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
        return answer;
    }
    let path = match path.trim_start_matches('/') {
        "" => INDEX,
        "graphiql" => GRAPHIQL,
        other => other,
    };
    if takes_brotli(headers)
        && let Some(file) = F::get(&format!("{path}.br"))
    {
        let mut answer = with(path, file, headers);
        let head = answer.headers_mut();
        head.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
        head.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        return answer;
    }
    if let Some(file) = F::get(path) {
        return with(path, file, headers);
    }
    // A page from before an update that asks for its scripts must not be given a document.
    if path.starts_with(ASSETS) {
        return answer::refuse(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such file");
    }
    match F::get(INDEX).filter(|_| path != GRAPHIQL) {
        Some(file) => with(INDEX, file, headers),
        None => Html(MISSING).into_response(),
    }
}

/// Texts are there as Vite compressed them as well; compressing them for each visitor costs more than all the rest of the
/// answer.
fn takes_brotli(asked: &HeaderMap) -> bool {
    asked
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| {
            let (name, weight) = one.split_once(';').unwrap_or((one, ""));
            let weight = weight
                .trim()
                .strip_prefix("q=")
                .and_then(|q| q.parse::<f32>().ok());
            name.trim() == "br" && weight.is_none_or(|q| q > 0.0)
        })
}

fn with(path: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let hash: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    // Weak, for compression changes the bytes.
    let etag = format!("W/\"{hash}\"");
    let cache = if path.starts_with(ASSETS) {
        FOREVER
    } else {
        ASK_AGAIN
    };
    let policy = if path == GRAPHIQL {
        GRAPHIQL_POLICY
    } else {
        PAGE_POLICY
    };
    let headers = [
        (header::CONTENT_TYPE, content_type(path)),
        (header::CACHE_CONTROL, cache),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::ETAG, etag.as_str()),
    ];
    let is_known = asked
        .get(header::IF_NONE_MATCH)
        .and_then(|known| known.to_str().ok())
        .is_some_and(|known| known.split(',').any(|tag| tag.trim() == etag));
    if is_known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, file.data).into_response()
}

/// Of what Vite writes. A browser that is told `nosniff` goes by this alone.
fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What Vite might have built.
    #[derive(RustEmbed)]
    #[folder = "src/http/tests/dist"]
    struct Fixture;

    /// Nothing was built.
    #[derive(RustEmbed)]
    #[folder = "src/http/tests/nothing"]
    #[allow_missing = true]
    struct Nothing;

    async fn get<F: RustEmbed>(
        path: &str,
        headers: &[(HeaderName, &str)],
    ) -> (StatusCode, HeaderMap, String) {
        let mut given = HeaderMap::new();
        for (name, value) in headers {
            given.insert(name, value.parse().expect("a value"));
        }
        let answer = find::<F>(&Method::GET, path, &given).await;
        let (parts, body) = answer.into_parts();
        let bytes = axum::body::to_bytes(body, 10_000).await.expect("a body");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        (parts.status, parts.headers, text)
    }

    #[tokio::test]
    async fn assets_are_kept_forever_and_documents_asked_for_again() {
        let (status, headers, body) = get::<Fixture>("/assets/index-4f2a9c.js", &[]).await;
        assert_eq!((status, body.trim()), (StatusCode::OK, "export {};"));
        assert_eq!(headers[header::CACHE_CONTROL], FOREVER);
        assert_eq!(headers[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        let (_, headers, _) = get::<Fixture>("/", &[]).await;
        assert_eq!(headers[header::CACHE_CONTROL], ASK_AGAIN);
        let etag = headers[header::ETAG].to_str().expect("ASCII");
        let (status, again, body) = get::<Fixture>("/", &[(header::IF_NONE_MATCH, etag)]).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""));
        assert_eq!(again[header::CONTENT_SECURITY_POLICY], PAGE_POLICY);
    }

    #[tokio::test]
    async fn a_text_goes_out_as_it_was_compressed_to_whoever_takes_it() {
        let path = "/assets/index-4f2a9c.js";
        let ask = async |encodings: &str| {
            let mut given = HeaderMap::new();
            given.insert(header::ACCEPT_ENCODING, encodings.parse().expect("a value"));
            let answer = find::<Fixture>(&Method::GET, path, &given).await;
            let (parts, body) = answer.into_parts();
            let bytes = axum::body::to_bytes(body, 10_000).await.expect("a body");
            (parts.headers, bytes)
        };
        let (headers, bytes) = ask("gzip, deflate, br").await;
        assert_eq!(headers[header::CONTENT_ENCODING], "br");
        assert_eq!(headers[header::VARY], "accept-encoding");
        assert_eq!(headers[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert_eq!(headers[header::CACHE_CONTROL], FOREVER);
        assert_eq!(
            bytes,
            include_bytes!("tests/dist/assets/index-4f2a9c.js.br").as_slice()
        );
        for others in ["gzip", "br;q=0, gzip", "brotli"] {
            let (headers, bytes) = ask(others).await;
            assert!(!headers.contains_key(header::CONTENT_ENCODING), "{others}");
            assert_eq!(bytes.trim_ascii(), b"export {};", "{others}");
        }
    }

    #[tokio::test]
    async fn what_is_no_file_is_the_pages_to_route_but_for_assets() {
        for path in [
            "/",
            "/executions/exe_1",
            "/records/products/A-1.5",
            "/../Cargo.toml",
        ] {
            let (status, headers, body) = get::<Fixture>(path, &[]).await;
            assert_eq!(status, StatusCode::OK, "{path}");
            assert!(body.contains("the dashboard"), "{path}: {body}");
            assert_eq!(headers[header::CONTENT_SECURITY_POLICY], PAGE_POLICY);
            assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        }
        let (status, _, body) = get::<Fixture>("/assets/index-000000.js", &[]).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(body.contains("NOT_FOUND"));
    }

    #[tokio::test]
    async fn the_playground_alone_may_write_styles_into_its_document() {
        let (_, headers, body) = get::<Fixture>("/graphiql", &[]).await;
        assert!(body.contains("the playground"), "{body}");
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], GRAPHIQL_POLICY);
        for policy in [PAGE_POLICY, GRAPHIQL_POLICY] {
            assert!(policy.starts_with("default-src 'none'; script-src 'self'; "));
        }
        assert!(!PAGE_POLICY.contains("unsafe") && GRAPHIQL_POLICY.matches("unsafe").count() == 1);
    }

    #[tokio::test]
    async fn without_a_built_page_one_says_how_to_build_it() {
        for path in ["/", "/executions/exe_1", "/graphiql"] {
            let (status, _, body) = get::<Nothing>(path, &[]).await;
            assert_eq!(status, StatusCode::OK);
            assert!(body.contains("npm run build"), "{path}");
        }
    }
}
