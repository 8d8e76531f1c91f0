//! Putting a schema on the wire: collect what it needs, get routes and a handle on the connections.

use std::sync::Arc;

use async_graphql::Executor;
use axum::{Router, routing::any};

use crate::{
    connections::Connections,
    gate::{Cache, Gate, InvalidSchema},
    hooks::{Admit, Anyone, Authenticate, Origins, Resume},
    http,
    limits::Settings,
};

/// Everything a route needs.
pub(crate) struct Mounted<E> {
    pub(crate) executor: E,
    pub(crate) gate: Gate,
    pub(crate) settings: Settings,
    pub(crate) authenticate: Box<dyn Authenticate>,
    pub(crate) admit: Box<dyn Admit>,
    pub(crate) resume: Arc<dyn Resume>,
    pub(crate) origins: Origins,
    pub(crate) persisted: Cache<[u8; 32], Arc<str>>,
    pub(crate) connections: Connections,
}

/// A schema on the wire. Clones share everything.
pub struct Wire<E>(Arc<Mounted<E>>);

impl<E> Clone for Wire<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What a [`Wire`] is made of; every part but the schema has a default.
pub struct Builder<E> {
    executor: E,
    sdl: String,
    settings: Settings,
    authenticate: Box<dyn Authenticate>,
    admit: Box<dyn Admit>,
    resume: Arc<dyn Resume>,
    origins: Origins,
}

impl<E: Executor> Wire<E> {
    /// Starts from the schema and its SDL. The schema has to be built with
    /// [`ValidationMode::Fast`](async_graphql::ValidationMode::Fast) and a `limit_recursive_depth` of twice
    /// [`DocumentLimits::depth`](crate::DocumentLimits::depth) + 2; see the crate's page.
    pub fn builder(executor: E, sdl: impl Into<String>) -> Builder<E> {
        Builder {
            executor,
            sdl: sdl.into(),
            settings: Settings::default(),
            authenticate: Box::new(Anyone),
            admit: Box::new(()),
            resume: Arc::new(()),
            origins: Origins::Same,
        }
    }

    /// A router with one route for POST, GET, uploads, streams and WebSockets.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self, path: &str) -> Router<S> {
        Router::new()
            .route(path, any(http::handle::<E>))
            .with_state(self.0.clone())
    }

    /// The open sockets and streams, to be counted and closed.
    pub fn connections(&self) -> Connections {
        self.0.connections.clone()
    }
}

impl<E: Executor> Builder<E> {
    /// Bounds and clocks.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Who is asking; anyone by default.
    #[must_use]
    pub fn authenticate(mut self, authenticate: impl Authenticate) -> Self {
        self.authenticate = Box::new(authenticate);
        self
    }

    /// Who may ask now; all by default.
    #[must_use]
    pub fn admit(mut self, admit: impl Admit) -> Self {
        self.admit = Box::new(admit);
        self
    }

    /// How streams resume; not at all by default.
    #[must_use]
    pub fn resume(mut self, resume: impl Resume) -> Self {
        self.resume = Arc::new(resume);
        self
    }

    /// Which pages may open sockets; those of the same host by default.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Reads the SDL.
    pub fn build(self) -> Result<Wire<E>, InvalidSchema> {
        let Self {
            executor,
            sdl,
            settings,
            authenticate,
            admit,
            resume,
            origins,
        } = self;
        let gate = Gate::new(&sdl, settings.document.clone())?;
        let persisted = Cache::new(settings.http.persisted_queries, settings.http.persisted_bytes);
        let connections = Connections::new(settings.socket.total, settings.socket.per_key);
        Ok(Wire(Arc::new(Mounted {
            executor,
            gate,
            settings,
            authenticate,
            admit,
            resume,
            origins,
            persisted,
            connections,
        })))
    }
}
