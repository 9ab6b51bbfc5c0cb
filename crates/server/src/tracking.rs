//! Client-side caching: telling clients which keys they may hold a copy of have changed.

/// The prefixes of keys whose changes are broadcast, and to whom.
#[derive(Debug, Default)]
pub struct Broadcasts {}

/// How a client tracks the keys that it reads.
#[derive(Debug, Default)]
pub struct Tracking {}

/// Remembers which keys a tracking client has read.
pub fn remember_reads(cx: &mut crate::context::Context<'_, '_>, request: firth_resp::Request<'_>) {
    let _ = (cx, request);
}

/// Tells tracking clients which keys have changed.
pub fn invalidate(
    server: &crate::server::Server,
    local: &mut crate::local::Local,
    session: &mut crate::session::Session,
    invalidations: Vec<firth_engine::Invalidation>,
) {
    let _ = (server, local, session, invalidations);
}
