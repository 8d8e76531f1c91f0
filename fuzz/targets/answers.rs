//! A provider's answer: the first byte is the protocol and whether it is streamed, the second how it
//! is cut.
#![no_main]

use std::sync::LazyLock;

use agentic_executions::base::clock::Clock;
use agentic_executions::model::circuit::Circuit;
use agentic_executions::model::declared;
use agentic_executions::model::provider::Provider;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

const KINDS: [&str; 4] = ["openai", "anthropic", "gemini", "ollama"];

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));

static PROVIDERS: LazyLock<Vec<Provider>> = LazyLock::new(|| {
    let provider = |place: usize| {
        let (kind, streaming) = (KINDS[place / 2], place % 2 == 0);
        let text = format!(
            "[[model]]\nname = \"m\"\nprovider = \"{kind}\"\nmodel = \"m\"\nbase_url = \"http://127.0.0.1:1\"\nstreaming = {streaming}"
        );
        let declared = declared::read(&text, |_| None).models.remove(0);
        let circuit = Circuit::new("fuzz", std::time::Duration::from_secs(1));
        Provider::new(declared, Clock::system(), circuit).expect("a provider")
    };
    (0..KINDS.len() * 2).map(provider).collect()
});

fuzz_target!(|data: &[u8]| {
    let [which, cut, answer @ ..] = data else { return };
    let provider = &PROVIDERS[usize::from(*which) % PROVIDERS.len()];
    let piece = usize::from(*cut).max(1);
    let (whole, cut) = RUNTIME.block_on(async {
        let whole = provider.read_as_sent(vec![answer.to_vec()]).await;
        let pieces = answer.chunks(piece).map(<[u8]>::to_vec).collect();
        (whole, provider.read_as_sent(pieces).await)
    });
    assert_eq!(whole.is_ok(), cut.is_ok(), "{whole:?} {cut:?}");
    if let (Ok(whole), Ok(cut)) = (whole, cut) {
        assert_eq!(whole, cut);
        assert!(whole.parts.iter().any(|part| part.is_shown()));
    }
});
