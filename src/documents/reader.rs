//! Reading documents for runs: text here, everything else in a child, pages of the web too. A
//! document is paged, so its text is kept for a while: the next page does not take it apart again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use encoding_rs::Encoding;
use tokio::sync::{OnceCell, Semaphore};
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

/// Text files at once that are loaded and decoded, which takes a moment of each.
const TEXTS_AT_ONCE: usize = 4;

/// Bytes of texts that are kept.
const KEPT: usize = 2 * MAX_TEXT_BYTES;

/// Texts by the content they were read of, the last used at the end.
type Kept = VecDeque<(Uuid, Arc<str>)>;

/// What is being read, for all who want the same to wait for one reading. It is there for as long as
/// somebody waits.
type Reading = HashMap<Uuid, Weak<OnceCell<Result<Arc<str>, Unreadable>>>>;

/// Reads documents. Clones share what is kept.
#[derive(Clone, Debug)]
pub struct Reader {
    launcher: Launcher,
    slots: Arc<Slots>,
    kept: Arc<Mutex<Kept>>,
    reading: Arc<Mutex<Reading>>,
    /// Instead of those of its kind.
    limits: Option<Limits>,
}

/// Who waits for whom.
#[derive(Debug)]
struct Slots {
    texts: Semaphore,
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

/// Why nothing was read that others could be told.
enum Failed<E> {
    Load(E),
    Read(Error),
}

impl Reader {
    /// Children are started by `launcher`.
    pub fn new(launcher: Launcher) -> Self {
        Self {
            launcher,
            slots: Arc::new(Slots {
                texts: Semaphore::new(TEXTS_AT_ONCE),
                documents: Semaphore::new(AT_ONCE),
                pages: Semaphore::new(PAGES_AT_ONCE),
            }),
            kept: Arc::default(),
            reading: Arc::default(),
            limits: None,
        }
    }

    /// Holds children to other limits.
    #[must_use]
    pub fn limited(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// The text of a document. `id` stands for its bytes, which never change. They are loaded when it
    /// is their turn, so that those who wait hold none, and not at all if the text is kept.
    ///
    /// # Errors
    /// What `load` fails with; within, [`Error`].
    pub async fn read<E>(
        &self,
        id: Uuid,
        kind: Kind,
        load: impl Future<Output = Result<Vec<u8>, E>>,
    ) -> Result<Result<Arc<str>, Error>, E> {
        // Whoever comes while it is being read waits here, and takes no turn from others. What fails for
        // another reason than the document's is tried again by the next of them.
        let reading = self.reading(id);
        let read = reading
            .get_or_try_init(|| async {
                if let Some(text) = self.kept(id) {
                    return Ok(Ok(text));
                }
                // It is never closed.
                let _slot = self.slots(kind).acquire().await;
                let bytes = load.await.map_err(Failed::Load)?;
                match self.take_apart(kind, bytes).await {
                    Ok(text) => Ok(Ok(self.keep(id, text.into()))),
                    Err(Error::Unreadable(why)) => Ok(Err(why)),
                    Err(error) => Err(Failed::Read(error)),
                }
            })
            .await;
        match read {
            Ok(Ok(text)) => Ok(Ok(Arc::clone(text))),
            Ok(Err(why)) => Ok(Err((*why).into())),
            Err(Failed::Read(error)) => Ok(Err(error)),
            Err(Failed::Load(error)) => Err(error),
        }
    }

    /// What a page of the web says. Nothing of it is kept: it may say something else by now.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn lay_out(&self, html: &[u8], encoding: &'static Encoding) -> Result<Html, Error> {
        let kind = Kind::Html(encoding);
        // It is never closed.
        let _slot = self.slots(kind).acquire().await;
        let extracted = self.extract(kind, html).await?;
        Ok(Html::of(&extracted))
    }

    fn reading(&self, id: Uuid) -> Arc<OnceCell<Result<Arc<str>, Unreadable>>> {
        let mut reading = self.reading.lock().expect("no holder panics");
        reading.retain(|_, cell| cell.strong_count() > 0);
        if let Some(cell) = reading.get(&id).and_then(Weak::upgrade) {
            return cell;
        }
        let cell = Arc::default();
        reading.insert(id, Arc::downgrade(&cell));
        cell
    }

    fn kept(&self, id: Uuid) -> Option<Arc<str>> {
        let mut kept = self.kept.lock().expect("no holder panics");
        let place = kept.iter().position(|(known, _)| *known == id)?;
        let found = kept.remove(place)?;
        let text = Arc::clone(&found.1);
        kept.push_back(found);
        Some(text)
    }

    fn keep(&self, id: Uuid, text: Arc<str>) -> Arc<str> {
        let mut kept = self.kept.lock().expect("no holder panics");
        kept.push_back((id, Arc::clone(&text)));
        let mut size: usize = kept.iter().map(|(_, text)| text.len()).sum();
        while size > KEPT
            && let Some((_, oldest)) = kept.pop_front()
        {
            size -= oldest.len();
        }
        text
    }

    fn slots(&self, kind: Kind) -> &Semaphore {
        match kind {
            Kind::Text => &self.slots.texts,
            Kind::Workbook | Kind::Pdf => &self.slots.documents,
            Kind::Html(_) => &self.slots.pages,
        }
    }

    async fn take_apart(&self, kind: Kind, bytes: Vec<u8>) -> Result<String, Error> {
        match kind {
            Kind::Text => Ok(text::decode(bytes)?),
            Kind::Workbook | Kind::Pdf | Kind::Html(_) => self.extract(kind, &bytes).await,
        }
    }

    async fn extract(&self, kind: Kind, bytes: &[u8]) -> Result<String, Error> {
        let limits = match kind {
            Kind::Html(_) => PAGE_LIMITS,
            Kind::Text | Kind::Workbook | Kind::Pdf => LIMITS,
        };
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
