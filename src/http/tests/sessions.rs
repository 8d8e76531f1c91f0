//! Browsers: signing in, what the cookie is good for, from which pages, and how it ends.

use axum::extract::ConnectInfo;

use super::*;
use crate::domain::sessions;

const OWN: &str = "http://localhost";

/// What a page of ours sends along.
fn page(cookie: &str) -> Vec<(&str, &str)> {
    vec![
        ("host", "localhost"),
        ("origin", OWN),
        ("content-type", "application/json"),
        ("cookie", cookie),
    ]
}

async fn ask(house: &House, query: &str, headers: &[(&str, &str)]) -> (StatusCode, Value, Option<String>) {
    let mut request = Request::post("/graphql");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let sent = json!({ "query": query }).to_string();
    let peer = SocketAddr::from(([127, 0, 0, 1], 4000));
    let request = request.extension(ConnectInfo(peer)).body(sent.into());
    let answer = house.send(request.expect("a request")).await;
    let set = answer.headers().get("set-cookie");
    let set = set.map(|value| value.to_str().expect("ASCII").to_owned());
    (answer.status(), body(answer).await, set)
}

fn sign_in(proof: &str, secret: &str) -> String {
    format!(
        "mutation {{ signIn(input: {{{proof}: \"{secret}\"}}) {{ session {{ user {{ name }} expiresAt }} errors {{ ... on UserError {{ code message path }} }} }} }}"
    )
}

fn pair(set: Option<String>) -> String {
    let set = set.expect("a cookie is set");
    set.split(';').next().expect("a pair").to_owned()
}

/// Signs ann in, and gives what her browser sends from then on.
async fn cookie(house: &House) -> String {
    let (status, _, set) = ask(house, &sign_in("token", &house.ann), &page("")).await;
    assert_eq!(status, StatusCode::OK);
    pair(set)
}

const VIEWER: &str = "{ viewer { name } }";

async fn who(house: &House, cookie: &str) -> Option<String> {
    let (status, body, _) = ask(house, VIEWER, &page(cookie)).await;
    if status == StatusCode::UNAUTHORIZED {
        return None;
    }
    Some(
        body["data"]["viewer"]["name"]
            .as_str()
            .expect("a name")
            .to_owned(),
    )
}

async fn viewer(house: &House, token: &str) -> access::Viewer {
    let found = access::authenticate(&house.deps.store, token).await;
    found.expect("looks").expect("is good")
}

#[tokio::test]
async fn a_token_is_exchanged_for_a_cookie_that_is_taken_everywhere() {
    let house = house().await;
    let (status, body, set) = ask(&house, &sign_in("token", &house.ann), &page("")).await;
    assert_eq!(status, StatusCode::OK);
    let payload = &body["data"]["signIn"];
    assert_eq!(payload["errors"], json!([]));
    assert_eq!(
        payload["session"],
        json!({ "user": { "name": "ann" }, "expiresAt": "2023-11-14T23:13:20.000Z" })
    );
    let text = set.clone().expect("a cookie");
    assert!(
        text.ends_with("; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict"),
        "{text}"
    );
    let cookie = pair(set);
    assert!(
        !cookie.contains(&house.ann) && cookie.len() > 50,
        "a secret of its own"
    );
    assert_eq!(who(&house, &cookie).await.as_deref(), Some("ann"));
    let among = format!("theme=dark; {cookie}");
    assert_eq!(who(&house, &among).await.as_deref(), Some("ann"));
    let get = house
        .get("/graphql?query=%7Bviewer%7Bname%7D%7D", &[("cookie", &cookie)])
        .await;
    assert_eq!(super::body(get).await["data"]["viewer"]["name"], "ann");
    let file = house
        .get(
            &house.file_path(),
            &[("cookie", &cookie), ("sec-fetch-site", "same-origin")],
        )
        .await;
    assert_eq!(
        (file.status(), header(&file, "vary")),
        (StatusCode::OK, "authorization, cookie")
    );
}

#[tokio::test]
async fn signing_in_is_all_that_nobody_may() {
    let house = house().await;
    for query in [
        VIEWER.to_owned(),
        "{ __typename }".to_owned(),
        "mutation { signOut(input: {}) { signedOut } }".to_owned(),
        "{ __schema { queryType { name } } }".to_owned(),
        "mutation { signIn(input: {token: \"a\"}) { errors { __typename } } signOut(input: {}) { signedOut } }".to_owned(),
        "mutation { a: signIn(input: {token: \"a\"}) { errors { __typename } } b: signIn(input: {token: \"b\"}) { errors { __typename } } }".to_owned(),
    ] {
        let (status, body, set) = ask(&house, &query, &page("")).await;
        assert_eq!((status, set), (StatusCode::UNAUTHORIZED, None), "{query}: {body}");
        assert_eq!(body["errors"][0]["extensions"], json!({ "code": "UNAUTHENTICATED" }));
    }
    // Of a token that is wrong the body is not even read.
    let (status, ..) = ask(
        &house,
        &sign_in("token", &house.ann),
        &[
            ("authorization", "Bearer wrong"),
            ("content-type", "application/json"),
        ],
    )
    .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    // A browser cannot take back a cookie that is worth nothing any more: it must not keep its user out.
    let stale = page("agentic_session=stale");
    let (status, _, set) = ask(&house, &sign_in("token", &house.ann), &stale).await;
    assert!(status == StatusCode::OK && set.is_some());
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_too_much_of_it_stopped() {
    let house = house().await;
    for number in 0..3 {
        let proof = if number % 2 == 0 { "token" } else { "code" };
        let (status, body, set) = ask(&house, &sign_in(proof, "wrong"), &page("")).await;
        assert_eq!((status, set), (StatusCode::OK, None));
        let message = format!("The {proof} is not valid.");
        assert_eq!(
            body["data"]["signIn"],
            json!({ "session": null, "errors": [{ "code": "INVALID_CREDENTIAL", "message": message, "path": ["input", proof] }] })
        );
    }
    let (_, body, _) = ask(&house, &sign_in("token", &house.ann), &page("")).await;
    assert_eq!(
        body["errors"][0]["extensions"],
        json!({ "code": "RATE_LIMITED", "retryAfterSeconds": 20 })
    );
    house.deps.store.clock.advance(Duration::from_secs(20));
    cookie(&house).await;
}

#[tokio::test]
async fn a_link_is_good_once_and_for_ten_minutes() {
    let house = house().await;
    let store = &house.deps.store;
    let ann = viewer(&house, &house.ann).await;
    let code = sessions::create_code(store, ann.user_id).await.expect("a code");
    let (_, body, set) = ask(&house, &sign_in("code", &code), &page("")).await;
    assert_eq!(body["data"]["signIn"]["session"]["user"]["name"], "ann");
    assert_eq!(who(&house, &pair(set)).await.as_deref(), Some("ann"));
    let late = sessions::create_code(store, ann.user_id).await.expect("a code");
    store.clock.advance(sessions::LINK_LASTS);
    for code in [&code, &late] {
        let (_, body, set) = ask(&house, &sign_in("code", code), &page("")).await;
        assert_eq!(body["data"]["signIn"]["errors"][0]["code"], "INVALID_CREDENTIAL");
        assert_eq!(set, None);
    }
}

#[tokio::test]
async fn a_page_of_another_site_does_nothing_with_the_cookie() {
    let house = house().await;
    let cookie = cookie(&house).await;
    let json_type = ("content-type", "application/json");
    let sent = ("cookie", cookie.as_str());
    for (name, foreign) in [
        ("origin", "http://evil.example"),
        ("origin", "http://localhost:1234"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
    ] {
        let headers = [("host", "localhost"), json_type, sent, (name, foreign)];
        let (status, body, _) = ask(&house, VIEWER, &headers).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{name}: {foreign}");
        assert_eq!(body["errors"][0]["extensions"], json!({ "code": "FORBIDDEN" }));
    }
    let silent = [("host", "localhost"), json_type, sent];
    assert_eq!(ask(&house, VIEWER, &silent).await.0, StatusCode::FORBIDDEN);
    for path in ["/graphql?query=%7B__typename%7D", &house.file_path()] {
        let answer = house.get(path, &[sent, ("sec-fetch-site", "cross-site")]).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
    }
    // A token is no cookie: whoever sends one has it.
    let bearer = format!("Bearer {}", house.ann);
    let given = [
        ("authorization", bearer.as_str()),
        json_type,
        ("origin", "http://evil.example"),
        sent,
    ];
    assert_eq!(ask(&house, VIEWER, &given).await.0, StatusCode::OK);
    let foreign = [
        ("host", "localhost"),
        json_type,
        ("origin", "http://evil.example"),
    ];
    let (status, _, set) = ask(&house, &sign_in("token", &house.ann), &foreign).await;
    assert_eq!(
        (status, set),
        (StatusCode::UNAUTHORIZED, None),
        "nor signs anyone in"
    );
}

#[tokio::test]
async fn behind_a_proxy_the_cookie_is_for_https_and_the_public_address() {
    let mut house = house().await;
    house.deps.settings.public_url = Some("https://agents.example".to_owned());
    house.router = router(house.deps.clone());
    let public = |cookie: &str, origin: &str| {
        ["127.0.0.1:8000", origin, "application/json", cookie].map(str::to_owned)
    };
    let ask = async |query: &str, [host, origin, json_type, cookie]: [String; 4]| {
        let headers = [
            ("host", host.as_str()),
            ("origin", &origin),
            ("content-type", &json_type),
            ("cookie", &cookie),
        ];
        ask(&house, query, &headers).await
    };
    let own = "https://agents.example";
    let (_, _, set) = ask(&sign_in("token", &house.ann), public("", own)).await;
    let text = set.clone().expect("a cookie");
    assert!(
        text.starts_with("__Host-agentic_session=") && text.ends_with("; Secure"),
        "{text}"
    );
    let cookie = pair(set);
    assert_eq!(ask(VIEWER, public(&cookie, own)).await.0, StatusCode::OK);
    let direct = public(&cookie, "http://127.0.0.1:8000");
    assert_eq!(ask(VIEWER, direct).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn signing_out_ends_this_session_or_all_of_them_and_no_token() {
    let house = house().await;
    let (first, second, third) = (cookie(&house).await, cookie(&house).await, cookie(&house).await);
    let out = "mutation { signOut(input: {}) { signedOut } }";
    let (_, body, set) = ask(&house, out, &page(&first)).await;
    assert_eq!(body["data"]["signOut"]["signedOut"], true);
    assert!(
        set.expect("is cleared")
            .starts_with("agentic_session=; Path=/; Max-Age=0;")
    );
    assert_eq!(who(&house, &first).await, None);
    assert_eq!(who(&house, &second).await.as_deref(), Some("ann"));
    let everywhere = "mutation { signOut(input: {everywhere: true}) { signedOut } }";
    assert_eq!(
        ask(&house, everywhere, &page(&second)).await.1["data"]["signOut"]["signedOut"],
        true
    );
    assert_eq!(
        (who(&house, &second).await, who(&house, &third).await),
        (None, None)
    );
    let bearer = format!("Bearer {}", house.ann);
    let given = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let (_, body, set) = ask(&house, everywhere, &given).await;
    assert_eq!(
        (&body["data"]["signOut"]["signedOut"], set),
        (&json!(false), None)
    );
    assert_eq!(
        ask(&house, VIEWER, &given).await.0,
        StatusCode::OK,
        "the token stays"
    );
}

#[tokio::test]
async fn signing_in_again_takes_the_place_of_the_session_before() {
    let house = house().await;
    let first = cookie(&house).await;
    let (_, _, set) = ask(&house, &sign_in("token", &house.ann), &page(&first)).await;
    assert_eq!(who(&house, &first).await, None);
    assert_eq!(who(&house, &pair(set)).await.as_deref(), Some("ann"));
}

#[tokio::test]
async fn a_session_ends_by_itself_and_with_its_token() {
    let house = house().await;
    let store = &house.deps.store;
    let ann = viewer(&house, &house.ann).await;
    let short = people::create_token(store, ann.user_id, "short", Some(Duration::from_secs(60))).await;
    let short = short.expect("a token").1;
    let (_, _, set) = ask(&house, &sign_in("token", &short), &page("")).await;
    assert!(
        set.as_deref().is_some_and(|set| set.contains("; Max-Age=60;")),
        "{set:?}"
    );
    let of_short = pair(set);
    let long = cookie(&house).await;
    store.clock.advance(Duration::from_secs(60));
    assert_eq!(who(&house, &of_short).await, None, "its token has expired");
    let revoked = cookie(&house).await;
    store.clock.advance(Duration::from_secs(3540));
    assert_eq!(who(&house, &long).await, None, "its hour is over");
    assert!(who(&house, &revoked).await.is_some());
    people::revoke_token(store, ann.credential.id())
        .await
        .expect("revokes");
    assert_eq!(who(&house, &revoked).await, None);
}

#[tokio::test]
async fn sessions_and_links_are_forgotten_once_they_are_over_and_no_sooner() {
    let house = house().await;
    let store = &house.deps.store;
    cookie(&house).await;
    let ann = viewer(&house, &house.ann).await;
    sessions::create_code(store, ann.user_id).await.expect("a code");
    let day = Duration::from_secs(24 * 60 * 60);
    let kept = async || {
        house.sweep().await;
        (
            house.count_rows("session").await,
            house.count_rows("sign_in_code").await,
        )
    };
    store.clock.advance(day);
    assert_eq!(kept().await, (1, 1));
    store.clock.advance(sessions::LINK_LASTS + Duration::from_secs(1));
    assert_eq!(kept().await, (1, 0));
    store.clock.advance(Duration::from_secs(3600));
    assert_eq!(kept().await, (0, 0));
}

/// A socket whose upgrade has these headers, or the status that it was refused with.
async fn socket_with(house: &House, headers: &[(&'static str, &str)]) -> Result<Client, u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/graphql", listener.local_addr().expect("an address"));
    tokio::spawn(serve(listener, house.router.clone(), house.deps.stop.clone()));
    let mut request = url.into_client_request().expect("a request");
    let own = [
        ("sec-websocket-protocol", "graphql-transport-ws"),
        ("host", "localhost"),
    ];
    for (name, value) in own.iter().chain(headers) {
        request
            .headers_mut()
            .insert(*name, value.parse().expect("a value"));
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((client, _)) => Ok(client),
        Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_socket_opens_with_the_cookie_and_ends_with_the_session() {
    let house = house().await;
    let cookie = cookie(&house).await;
    let mut client = socket_with(&house, &[("cookie", &cookie), ("origin", OWN)])
        .await
        .expect("opens");
    say(&mut client, json!({"type": "connection_init"})).await;
    assert_eq!(hear(&mut client).await, Ok(json!({"type": "connection_ack"})));
    let run = |query: String| json!({"type": "subscribe", "id": "1", "payload": {"query": query}});
    say(&mut client, run(VIEWER.to_owned())).await;
    assert_eq!(
        hear(&mut client).await.expect("an answer")["payload"]["data"]["viewer"]["name"],
        "ann"
    );
    assert_eq!(hear(&mut client).await.expect("its end")["type"], "complete");
    // An answer here sets no cookie.
    say(&mut client, run(sign_in("token", &house.ann))).await;
    let answer = hear(&mut client).await.expect("an answer");
    assert_eq!(
        answer["payload"]["errors"][0]["extensions"]["code"], "BAD_USER_INPUT",
        "{answer}"
    );
    assert_eq!(hear(&mut client).await.expect("its end")["type"], "complete");
    let out = "mutation { signOut(input: {}) { signedOut } }";
    ask(&house, out, &page(&cookie)).await;
    house.deps.renewal.renew(&house.deps.store).await.expect("renews");
    assert_eq!(hear(&mut client).await, Err(4403));
}

#[tokio::test]
async fn pages_that_the_operator_names_use_the_api_with_a_token_and_no_others_do() {
    let house = house().await;
    let bearer = format!("Bearer {}", house.ann);
    for (origin, is_allowed) in [("http://app.example", true), ("http://evil.example", false)] {
        let allowed = if is_allowed { origin } else { "" };
        let file = house.file_path();
        for path in ["/graphql", &file] {
            let asks = [
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "authorization,content-type"),
            ];
            let preflight = with(Request::options(path), &asks);
            let answer = house.send(preflight).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            assert_eq!(header(&answer, "access-control-allow-origin"), allowed, "{path}");
            assert!(header(&answer, "access-control-allow-headers").contains("authorization"));
            assert_eq!(header(&answer, "access-control-allow-credentials"), "");
        }
        for authorization in [bearer.as_str(), "Bearer wrong"] {
            let asks = [("origin", origin), ("authorization", authorization)];
            let answer = house.get("/graphql?query=%7B__typename%7D", &asks).await;
            assert_eq!(header(&answer, "access-control-allow-origin"), allowed);
        }
    }
    let cookie = cookie(&house).await;
    let named = [("origin", "http://app.example"), ("cookie", cookie.as_str())];
    for (message, heard) in [
        (init(&house.ann), Ok(json!({"type": "connection_ack"}))),
        (json!({"type": "connection_init"}), Err(4403)),
    ] {
        let mut client = socket_with(&house, &named).await.expect("opens");
        say(&mut client, message).await;
        assert_eq!(hear(&mut client).await, heard);
    }
}

#[tokio::test]
async fn a_socket_of_another_site_or_of_a_session_that_is_over_is_refused() {
    let house = house().await;
    let cookie = cookie(&house).await;
    let foreign = [("cookie", cookie.as_str()), ("origin", "http://evil.example")];
    assert_eq!(socket_with(&house, &foreign).await.err(), Some(403));
    let stale = [("cookie", "agentic_session=stale"), ("origin", OWN)];
    let silent = [("cookie", cookie.as_str())];
    for headers in [&stale[..], &silent] {
        let mut client = socket_with(&house, headers).await.expect("opens");
        say(&mut client, json!({"type": "connection_init"})).await;
        assert_eq!(hear(&mut client).await, Err(4403), "{headers:?}");
    }
}
