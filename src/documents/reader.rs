//! Reading documents for runs: text here, everything else in a child, pages of the web too. A
//! document is paged, so its text is kept for a while: the next page does not take it apart again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use encoding_rs::Encoding;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::child::{EXTRACT, REFUSED};
use super::{Html, Kind, MAX_TEXT_BYTES, Unreadable, text};
use crate::child::{Bounds, CANNOT_START, Exit, Launcher, Limits, Program, RunError};

/// What a child may use: documents of people take some ten megabytes and a second or two.
const LIMITS: Limits = Limits {
    memory_bytes: Some(1024 * 1024 * 1024),
    cpu: Some(Duration::from_secs(30)),
    file_bytes: Some(0),
};

/// What a page of the web may use. One of 100 KB takes 10 MB and 12 ms; the largest that is fetched,
/// 5 MB, takes 400 MB where it is prose, 700 MB where it is one table, and a second or two.
const PAGE_LIMITS: Limits = Limits {
    cpu: Some(Duration::from_secs(10)),
    ..LIMITS
};

/// Longer than the processor time, for a machine that is busy.
const BOUNDS: Bounds = Bounds {
    time: Duration::from_secs(60),
    output_bytes: MAX_TEXT_BYTES,
};

/// Children at once: each may take [`LIMITS`].
const AT_ONCE: usize = 2;

/// Children at once that lay out pages: each may take [`PAGE_LIMITS`]. They are others than those of
/// documents, so that a page, which takes a moment, never waits behind a document, which may take
/// half a minute.
const PAGES_AT_ONCE: usize = 3;

/// Bytes of texts that are kept.
const KEPT: usize = 2 * MAX_TEXT_BYTES;

/// Texts by the content they were read of, the last used at the end.
type Kept = VecDeque<(Uuid, Arc<str>)>;

/// Reads documents. Clones share what is kept.
#[derive(Clone, Debug)]
pub struct Reader {
    launcher: Launcher,
    slots: Arc<Slots>,
    kept: Arc<Mutex<Kept>>,
    /// Instead of those of its kind.
    limits: Option<Limits>,
}

/// Who waits for whom.
#[derive(Debug)]
struct Slots {
    documents: Semaphore,
    pages: Semaphore,
}

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The document's fault.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// No child could be started.
    #[error("documents cannot be read")]
    Start(#[source] std::io::Error),
}

impl Reader {
    /// Children are started by `launcher`.
    pub fn new(launcher: Launcher) -> Self {
        Self {
            launcher,
            slots: Arc::new(Slots {
                documents: Semaphore::new(AT_ONCE),
                pages: Semaphore::new(PAGES_AT_ONCE),
            }),
            kept: Arc::default(),
            limits: None,
        }
    }

    /// Holds children to other limits.
    #[must_use]
    pub fn limited(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// What was read of this content before, if it is still kept.
    pub fn kept(&self, id: Uuid) -> Option<Arc<str>> {
        let mut kept = self.kept.lock().expect("no holder panics");
        let place = kept.iter().position(|(known, _)| *known == id)?;
        let found = kept.remove(place)?;
        let text = Arc::clone(&found.1);
        kept.push_back(found);
        Some(text)
    }

    /// The text of a document. `id` stands for its bytes, which never change.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn read(&self, id: Uuid, kind: Kind, bytes: Vec<u8>) -> Result<Arc<str>, Error> {
        let text: Arc<str> = match kind {
            Kind::Text => text::decode(bytes)?.into(),
            Kind::Workbook | Kind::Pdf | Kind::Html(_) => self.extract(kind, &bytes).await?.into(),
        };
        let mut kept = self.kept.lock().expect("no holder panics");
        kept.push_back((id, Arc::clone(&text)));
        let mut size: usize = kept.iter().map(|(_, text)| text.len()).sum();
        while size > KEPT
            && let Some((_, oldest)) = kept.pop_front()
        {
            size -= oldest.len();
        }
        Ok(text)
    }

    /// What a page of the web says. Nothing of it is kept: it may say something else by now.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn lay_out(&self, html: &[u8], encoding: &'static Encoding) -> Result<Html, Error> {
        let extracted = self.extract(Kind::Html(encoding), html).await?;
        Ok(Html::of(&extracted))
    }

    async fn extract(&self, kind: Kind, bytes: &[u8]) -> Result<String, Error> {
        let (slots, limits) = match kind {
            Kind::Html(_) => (&self.slots.pages, PAGE_LIMITS),
            Kind::Text | Kind::Workbook | Kind::Pdf => (&self.slots.documents, LIMITS),
        };
        // It is never closed.
        let _slot = slots.acquire().await;
        let arguments = std::iter::once(EXTRACT).chain(kind.to_arguments());
        let program = Program {
            limits: self.limits.unwrap_or(limits),
            ..self.launcher.own(arguments)
        };
        let failed = match self.launcher.run(&program, bytes, BOUNDS).await {
            Ok(output) => return String::from_utf8(output).map_err(|_| Unreadable::Crashed.into()),
            Err(failed) => failed,
        };
        let why = match failed {
            RunError::Start(error) => return Err(Error::Start(error)),
            RunError::TooSlow(_) => Unreadable::TooSlow,
            RunError::TooLong(_) => Unreadable::TooLong,
            RunError::Failed { exit, said, .. } if exit == Exit::Code(CANNOT_START.into()) => {
                return Err(Error::Start(std::io::Error::other(said)));
            }
            RunError::Failed { exit, output, said } => why(exit, &output, &said),
        };
        Err(why.into())
    }
}

fn why(exit: Exit, output: &[u8], said: &str) -> Unreadable {
    /// Processor time is used up.
    const XCPU: i32 = 24;
    const KILL: i32 = 9;
    let number = std::str::from_utf8(output)
        .ok()
        .and_then(|text| text.parse::<usize>().ok());
    match exit {
        Exit::Code(code) if code == i32::from(REFUSED) => number
            .and_then(|number| Unreadable::SAID.get(number).copied())
            .unwrap_or(Unreadable::Crashed),
        Exit::Signal(XCPU) => Unreadable::TooSlow,
        // What Rust's allocator says before it gives up, and what the system does then.
        _ if said.contains("memory allocation of") => Unreadable::TooHungry,
        Exit::Signal(KILL) => Unreadable::TooHungry,
        Exit::Code(_) | Exit::Signal(_) => Unreadable::Crashed,
    }
}
