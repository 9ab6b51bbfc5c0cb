//! A request of the console: who asks, and for what.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::http::HeaderMap;
use bytes::Bytes;
use firth::Broker;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::sessions::Caller;
use crate::gateway::Shared;
use crate::query::QueryPair;

/// The most rows of a page.
const ROWS_MAX: usize = 500;

/// A request, of which the caller may do what it asks for.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) shared: Arc<Shared>,
    /// `None` where nobody has to be known.
    pub(crate) caller: Option<Caller>,
    pub(crate) headers: HeaderMap,
    pub(crate) address: Option<IpAddr>,
    pub(crate) query: Vec<QueryPair>,
    pub(crate) body: Bytes,
}

impl Ask {
    /// Returns what the query says of a name, if that is something.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let pair = self.query.iter().find(|pair| pair.name == name)?;
        Some(&*pair.value).filter(|value| !value.is_empty())
    }

    /// Returns what the query must say of a name.
    pub(crate) fn name(&self, name: &str) -> Result<Arc<str>, Problem> {
        let missing = || Problem::malformed(format!("the query lacks {name}"));
        self.text(name).map(Arc::from).ok_or_else(missing)
    }

    /// Returns what the query says of a name, as something other than a text.
    pub(crate) fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let wrong = |value| Problem::malformed(format!("{name}: `{value}` is none"));
        self.text(name).map(|value| value.parse().map_err(|_| wrong(value))).transpose()
    }

    /// Returns how many rows are asked for, at most.
    pub(crate) fn limit(&self, usual: usize) -> Result<usize, Problem> {
        Ok(self.parsed("limit")?.unwrap_or(usual).clamp(1, ROWS_MAX))
    }

    /// Returns the body.
    pub(crate) fn wish<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let wish = serde_json::from_slice(&self.body);
        wish.map_err(|error| Problem::malformed(format!("the body: {error}")))
    }

    pub(crate) async fn broker(&self) -> Result<Broker, Problem> {
        Ok(self.shared.backend.broker_soon().await?)
    }
}
