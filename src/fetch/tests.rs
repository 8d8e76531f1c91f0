use std::io::Write;
use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A server that answers each request for a path with what `answer` says, byte for byte, and notes
/// the heads of the requests.
struct Site {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Site {
    async fn new(answer: impl Fn(&str, SocketAddr) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (answer, noted) = (Arc::new(answer), Arc::clone(&heads));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answer, noted) = (Arc::clone(&answer), Arc::clone(&noted));
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    let head = String::from_utf8(head).expect("ASCII");
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    noted.lock().expect("no holder panics").push(head);
                    let bytes = answer(&path, address);
                    if bytes.is_empty() {
                        // Says nothing, and keeps the connection.
                        std::future::pending::<()>().await;
                    }
                    let _ = stream.write_all(&bytes).await;
                });
            }
        });
        Self { address, heads }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no holder panics").clone()
    }
}

fn page(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn redirect_to(url: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: {url}\r\n\r\n")
        .into_bytes()
}

/// May reach this machine's first loopback address, and no other that is private.
fn local(rules: Rules) -> Fetcher {
    Fetcher::new(Rules {
        allowed: vec!["127.0.0.1".parse().expect("a network")],
        ..rules
    })
}

#[tokio::test]
async fn a_page_comes_with_its_type_and_without_anything_of_ours_in_the_request() {
    let site = Site::new(|_, _| page("Content-Type: text/html; charset=utf-8\r\n", b"<p>hello")).await;
    // Longer than a message would show it: an agent goes on from it.
    let path = format!("/a?b={}", "c".repeat(500));
    let url = format!("http://user:secret@{}{path}", site.address);
    let fetched = local(Rules::default()).get(&url).await.expect("a page");
    assert_eq!(
        fetched,
        Page {
            url: site.url(&path),
            content_type: "text/html; charset=utf-8".to_owned(),
            body: b"<p>hello".to_vec(),
        }
    );
    let head = site.heads().remove(0).to_ascii_lowercase();
    for kept_back in ["secret", "authorization", "cookie", "referer"] {
        assert!(!head.contains(kept_back), "{head}");
    }
}

#[tokio::test]
async fn private_addresses_are_closed_however_they_are_written() {
    let site = Site::new(|_, _| page("", b"inside")).await;
    let port = site.address.port();
    let fetcher = Fetcher::new(Rules::default());
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "10.0.0.1",
    ] {
        let refused = fetcher.get(&format!("http://{host}:{port}/")).await;
        assert!(matches!(refused, Err(Error::Closed(_))), "{host}: {refused:?}");
    }
    assert_eq!(site.heads(), Vec::<String>::new(), "nothing was asked");
}

#[tokio::test]
async fn what_is_allowed_is_allowed_by_name_and_by_address() {
    let site = Site::new(|_, _| page("", b"inside")).await;
    let fetcher = local(Rules::default());
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}/", site.address.port());
        assert_eq!(
            fetcher.get(&url).await.expect("allowed").body,
            b"inside",
            "{host}"
        );
    }
}

#[tokio::test]
async fn each_redirect_is_checked_again() {
    let site = Site::new(|path, address| match path {
        "/inside" => redirect_to(&format!("http://127.0.0.2:{}/secret", address.port())),
        "/cloud" => redirect_to("http://169.254.169.254/latest/meta-data"),
        "/file" => redirect_to("file:///etc/passwd"),
        "/round" => redirect_to("/round"),
        "/relative" => redirect_to("final?x=1"),
        "/nowhere" => b"HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _ => page("", b"there"),
    })
    .await;
    let fetcher = local(Rules::default());
    let get = async |path: &str| fetcher.get(&site.url(path)).await;
    assert!(matches!(get("/inside").await, Err(Error::Closed(url)) if url.contains("127.0.0.2")));
    assert!(matches!(get("/cloud").await, Err(Error::Closed(url)) if url.contains("169.254")));
    assert!(matches!(get("/file").await, Err(Error::NotAnAddress(_))));
    assert!(matches!(get("/round").await, Err(Error::TooManyRedirects(_))));
    assert!(matches!(get("/nowhere").await, Err(Error::Status { .. })));
    let there = get("/relative").await.expect("a page");
    assert_eq!(
        (there.url, there.body),
        (site.url("/final?x=1"), b"there".to_vec())
    );
}

#[tokio::test]
async fn a_page_that_is_too_large_is_cut_off_also_when_it_is_small_until_unpacked() {
    let zeros = vec![0_u8; 3_000_000];
    let mut packed = Vec::new();
    let mut packer = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::best());
    packer.write_all(&zeros).expect("memory");
    packer.finish().expect("memory");
    assert!(packed.len() < 10_000);
    let site = Site::new(move |path, _| match path {
        "/packed" => page("Content-Encoding: gzip\r\n", &packed),
        _ => page("", &zeros),
    })
    .await;
    let fetcher = local(Rules {
        max_bytes: 1_000_000,
        ..Rules::default()
    });
    for path in ["/plain", "/packed"] {
        let refused = fetcher.get(&site.url(path)).await;
        assert!(
            matches!(
                refused,
                Err(Error::TooLarge {
                    max_bytes: 1_000_000,
                    ..
                })
            ),
            "{path}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let site = Site::new(|_, _| Vec::new()).await;
    let fetcher = local(Rules {
        timeout: Duration::from_millis(200),
        ..Rules::default()
    });
    assert!(matches!(
        fetcher.get(&site.url("/")).await,
        Err(Error::TimedOut { .. })
    ));
}

#[tokio::test]
async fn half_a_page_is_no_page() {
    let site = Site::new(|path, _| match path {
        "/cut" => b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf".to_vec(),
        "/damaged" => page("Content-Encoding: gzip\r\n", b"no gzip"),
        _ => b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 4\r\n\r\ngone".to_vec(),
    })
    .await;
    let fetcher = local(Rules::default());
    let said = async |path: &str| {
        fetcher
            .get(&site.url(path))
            .await
            .expect_err("refused")
            .to_string()
    };
    assert!(
        said("/cut")
            .await
            .contains("could not be read: the connection was cut")
    );
    assert!(said("/damaged").await.contains("could not be read"));
    assert!(said("/gone").await.ends_with("/gone answered 404 Not Found"));
}

#[tokio::test]
async fn what_is_no_address_of_a_page_is_refused() {
    let fetcher = Fetcher::new(Rules::default());
    for url in [
        "",
        "example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "data:,x",
    ] {
        let refused = fetcher.get(url).await;
        assert!(
            matches!(refused, Err(Error::NotAnAddress(_))),
            "{url}: {refused:?}"
        );
    }
}
