//! Which cryptography TLS connections use: ring, which the database driver brings anyway, so that
//! the binary holds one. An HTTP client that is made before this was said panics.

/// Says it for the whole process. Saying it again changes nothing.
pub fn use_ring() {
    // An error says that a provider is set already; no other part of the binary sets another.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
