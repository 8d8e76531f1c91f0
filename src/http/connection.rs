//! Connections of HTTP/1.1, from the listener to their end. What `axum::serve` does, and two things that it leaves to
//! others: clients that never end a request's head or never read an answer are cut off, and header names go out in the
//! letter case that clients look for. It knows no route.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::serve::{Listener, ListenerExt};
use hyper::body::Incoming;
use hyper::rt::{Sleep, Timer};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::base::chain::Chain;

use super::Stop;

/// From the first byte of a request's head to its last; then the connection is closed.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// Without a byte of a next request, then the connection is closed. More than balancers keep theirs (600 s at most, of
/// those known): who closes first must be the one who sends, or a request crosses the close and is lost.
const IDLE_FOR: Duration = Duration::from_secs(620);

/// Without a byte of an answer being taken, while there are some; then the connection is broken off, and what waits in
/// memory is freed. Paused downloads go on with a range.
const STALLED_FOR: Duration = Duration::from_secs(120);

/// Without a sign that sent bytes arrived, then the connection is broken off: a peer that is gone without a word would
/// else keep its streams, and count among its token's, for the quarter of an hour in which TCP sends again. No longer
/// than [`STALLED_FOR`], for it ends those that take nothing, too.
#[cfg(target_os = "linux")]
const GONE_AFTER: Duration = Duration::from_secs(60);

/// Answers at `listener` until [`Stop::close`], then lets open requests finish.
pub async fn serve(listener: TcpListener, router: Router, stop: Stop) {
    let mut listener = listener.tap_io(|stream| {
        if let Err(error) = set_up(stream) {
            tracing::debug!(error = %Chain(&error), "a connection keeps the system's settings");
        }
    });
    let open = TaskTracker::new();
    loop {
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.closed() => break,
        };
        open.spawn(converse(stream, address, router.clone(), stop.clone()));
    }
    // Whoever comes now is refused, and turns to another node.
    drop(listener);
    open.close();
    open.wait().await;
}

fn set_up(stream: &TcpStream) -> std::io::Result<()> {
    // An event is one small write: waiting to fill a packet would delay it by 40 ms.
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_user_timeout(
        stream,
        u32::try_from(GONE_AFTER.as_millis()).unwrap_or(u32::MAX),
    )?;
    Ok(())
}

/// One connection, to its end or its upgrade.
async fn converse<S>(stream: S, address: SocketAddr, router: Router, stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let has_begun = Arc::new(AtomicBool::new(false));
    let stream = Watched {
        stream,
        has_begun: Arc::clone(&has_begun),
        stalls: None,
    };
    let has_asked = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let has_asked = Arc::clone(&has_asked);
        let stop = stop.clone();
        move |request| {
            has_asked.store(true, Ordering::Relaxed);
            answer(router.clone(), stop.clone(), address, request)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(Patience { has_begun })
        // The clock is ours, and goes by its own times.
        .header_read_timeout(IDLE_FOR)
        .title_case_headers(true)
        .preserve_header_case(true);
    let mut connection = pin!(
        http.serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.closed() => {
            // Nothing is owed to a first request whose head has not come whole.
            if !has_asked.load(Ordering::Relaxed) {
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %Chain(&error), "a connection broke off");
    }
}

async fn answer(
    router: Router,
    stop: Stop,
    address: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible> {
    // hyper keeps there how the client spelt each name, and writes a response's names as it finds them there. A
    // handshake needs it: title case makes `Sec-Websocket-Protocol`, and Python's gql looks for `Sec-WebSocket-Protocol`.
    let spelling = request
        .headers()
        .contains_key(header::UPGRADE)
        .then(|| request.extensions().clone());
    request.extensions_mut().insert(ConnectInfo(address));
    let mut response = router.oneshot(request.map(Body::new)).await?;
    if let Some(spelling) = spelling
        && response.status() == StatusCode::SWITCHING_PROTOCOLS
    {
        response.extensions_mut().extend(spelling);
    } else if stop.is_announced() {
        // The next request goes to another node, and does not meet the end of this one.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    Ok(response)
}

/// hyper's one clock, which it starts when it begins to wait for a request's head, told apart into two: that of a
/// connection on which nothing comes, and that of a head which has begun.
struct Patience {
    /// Whether anything was read since the clock was started.
    has_begun: Arc<AtomicBool>,
}

impl Timer for Patience {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        self.has_begun.store(false, Ordering::Relaxed);
        Box::pin(Wait {
            has_begun: Arc::clone(&self.has_begun),
            is_of_head: false,
            sleep: Box::pin(tokio::time::sleep(IDLE_FOR)),
        })
    }

    fn sleep_until(&self, _: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(IDLE_FOR)
    }
}

struct Wait {
    has_begun: Arc<AtomicBool>,
    is_of_head: bool,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    /// Asked after each read that did not end the head.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_of_head && self.has_begun.load(Ordering::Relaxed) {
            self.is_of_head = true;
            self.sleep.as_mut().reset(Instant::now() + HEAD_WITHIN);
        }
        self.sleep.as_mut().poll(context)
    }
}

/// A connection's bytes, seen as they come and go.
struct Watched<S> {
    stream: S,
    /// Set with each read.
    has_begun: Arc<AtomicBool>,
    /// Since the peer last took something, while there is more for it.
    stalls: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<S> Watched<S> {
    /// What came of writing, or that the peer has stalled for too long.
    fn unless_stalled<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalls = None;
            return written;
        }
        let stalls = self
            .stalls
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(STALLED_FOR)));
        stalls.as_mut().poll(context).map(|()| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the peer has stopped reading",
            ))
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.has_begun.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.unless_stalled(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.unless_stalled(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::time::timeout;

    use super::*;

    const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

    /// The client's end of a connection, which is answered with "hello".
    fn connect(stop: &Stop) -> DuplexStream {
        let router = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/long", get(|| async { "x".repeat(1_000_000) }));
        let (client, server) = tokio::io::duplex(10_000);
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        tokio::spawn(converse(server, address, router, stop.clone()));
        client
    }

    /// What comes within a second.
    async fn hear(client: &mut DuplexStream) -> String {
        let mut heard = vec![0; 10_000];
        let read = timeout(Duration::from_secs(1), client.read(&mut heard)).await;
        let length = read.expect("in time").expect("open");
        String::from_utf8(heard[..length].to_vec()).expect("text")
    }

    /// When the server closes.
    async fn closes_after(client: &mut DuplexStream) -> Duration {
        let begun = Instant::now();
        let end = client.read(&mut [0]).await;
        assert_eq!(end.expect("a clean end"), 0);
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_in_is_cut_off_and_an_idle_connection_is_kept() {
        let mut client = connect(&Stop::default());
        tokio::time::sleep(HEAD_WITHIN * 2).await;
        for _ in 0..2 {
            client.write_all(ASK).await.expect("is open");
            assert!(hear(&mut client).await.ends_with("hello"));
            tokio::time::sleep(HEAD_WITHIN * 2).await;
        }
        let begun = Instant::now();
        let mut trickled = 0;
        while client.write_all(&ASK[trickled..=trickled]).await.is_ok() {
            trickled += 1;
            tokio::time::sleep(HEAD_WITHIN / 10).await;
        }
        assert!(begun.elapsed() <= HEAD_WITHIN + HEAD_WITHIN / 10, "{trickled}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_while_a_stop_is_announced_is_answered_and_sent_away() {
        let stop = Stop::default();
        let mut client = connect(&stop);
        client.write_all(ASK).await.expect("is open");
        assert!(!hear(&mut client).await.contains("Connection: close"));
        stop.announce();
        client.write_all(ASK).await.expect("is open");
        let answer = hear(&mut client).await;
        assert!(
            answer.contains("Connection: close") && answer.ends_with("hello"),
            "{answer}"
        );
        assert!(closes_after(&mut client).await < Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_for_no_first_request_that_has_not_come_whole() {
        let stop = Stop::default();
        let mut client = connect(&stop);
        client.write_all(&ASK[..10]).await.expect("is open");
        tokio::time::sleep(Duration::from_millis(1)).await;
        stop.close();
        assert!(closes_after(&mut client).await < Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed_in_the_end() {
        let mut client = connect(&Stop::default());
        assert_eq!(closes_after(&mut client).await.as_secs(), IDLE_FOR.as_secs());
        let mut client = connect(&Stop::default());
        client.write_all(ASK).await.expect("is open");
        hear(&mut client).await;
        assert_eq!(closes_after(&mut client).await.as_secs(), IDLE_FOR.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_an_answer_is_cut_off_and_who_reads_slowly_is_not() {
        let ask = b"GET /long HTTP/1.1\r\nHost: a.example\r\n\r\n";
        for (pause, is_read) in [(STALLED_FOR / 2, true), (STALLED_FOR * 2, false)] {
            let mut client = connect(&Stop::default());
            client.write_all(ask).await.expect("is open");
            let mut length = 0;
            let mut part = vec![0; 100_000];
            loop {
                tokio::time::sleep(pause).await;
                match client.read(&mut part).await.expect("reads") {
                    0 => break,
                    read => length += read,
                }
                if length > 1_000_000 {
                    break;
                }
            }
            assert_eq!(length > 1_000_000, is_read, "{length}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_idle_connections_at_once() {
        let stop = Stop::default();
        let mut client = connect(&stop);
        client.write_all(ASK).await.expect("is open");
        hear(&mut client).await;
        stop.close();
        assert_eq!(closes_after(&mut client).await, Duration::ZERO);
    }

    #[tokio::test]
    async fn header_names_go_out_in_title_case() {
        let mut client = connect(&Stop::default());
        client.write_all(ASK).await.expect("is open");
        let answer = hear(&mut client).await;
        assert!(answer.contains("\r\nContent-Type: text/plain"), "{answer}");
    }
}
