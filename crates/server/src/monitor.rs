//! MONITOR: shows every command to those who asked for it.

use std::sync::atomic::Ordering;

use firth_resp::Request;

use crate::local::Local;
use crate::server::Server;
use crate::session::Session;
use crate::spec::{Flags, Spec};

/// Shows a command to all monitors.
#[inline]
pub fn show(
    server: &Server,
    local: &mut Local,
    session: &Session,
    spec: &Spec,
    request: Request<'_>,
) {
    if server.monitor_count.load(Ordering::Relaxed) > 0
        && !spec.flags.contains(Flags::SKIP_MONITOR)
    {
        show_to_all(server, local, session, request);
    }
}

fn show_to_all(server: &Server, local: &mut Local, session: &Session, request: Request<'_>) {
    let _ = (server, local, session, request);
}
