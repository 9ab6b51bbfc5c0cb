//! `GET /metrics`: numbers, in the text format of Prometheus.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use crate::access::Deed;
use crate::admission::{Refused, TokenQuery};
use crate::counts::Count;
use crate::gateway::Shared;

/// `GET /metrics`
pub(crate) async fn metrics(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refused> {
    let access = shared.access(&headers, &TokenQuery::default())?;
    shared.check(&access, Deed::Operate)?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], shared.numbers()))
}

impl Shared {
    fn numbers(&self) -> String {
        let counts = &self.counts;
        let is_up = self.backend.is_up();
        let gauges = [
            ("sockets", self.sockets.len(), "Sockets and event streams that are open."),
            ("channels", self.hub.channels(), "Channels that are listened to."),
            ("streams", self.feeds.len(), "Streams that are followed."),
            ("backend_up", usize::from(is_up), "Whether the backend answers."),
        ];
        let counters: [(&str, &Count, &str); 7] = [
            ("opened", &counts.opened, "Sockets and event streams that were opened."),
            ("refused", &counts.refused, "Connections that were refused."),
            ("slow", &counts.slow, "Sockets that were closed because they did not keep up."),
            ("received", &counts.received, "Messages and entries that came from the backend."),
            ("delivered", &counts.delivered, "Messages and entries that went to sockets."),
            ("requests", &counts.requests, "Messages from clients."),
            ("gaps", &counts.gaps, "Gaps that sockets were told of."),
        ];
        let mut text = String::new();
        for (name, value, help) in gauges {
            write(&mut text, &format!("firth_gateway_{name}"), "gauge", value as u64, help);
        }
        for (name, count, help) in counters {
            write(&mut text, &format!("firth_gateway_{name}_total"), "counter", count.get(), help);
        }
        text
    }
}

fn write(text: &mut String, name: &str, kind: &str, value: u64, help: &str) {
    _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
}
