//! The end of a stream, followed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};

use crate::backend::{Backend, Entry, Read};
use crate::{EntryId, Error};

/// How many entries are fetched in one go.
const PAGE: usize = 256;

/// How long one read waits for something new.
pub(crate) const WAIT: Duration = Duration::from_secs(20);

/// How long is waited before a broken connection is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// Returns all entries behind an id, those that are still to come included. Broken connections are waited out; another
/// error is the last item.
pub(crate) fn tail(
    backend: Arc<dyn Backend>,
    stream: Arc<str>,
    after: EntryId,
) -> impl Stream<Item = Result<Entry, Error>> + Send + Unpin + 'static {
    let start = Some(Tail { backend, stream, after, ready: VecDeque::new() });
    Box::pin(stream::unfold(start, |tail| async {
        let mut tail = tail?;
        match tail.next().await {
            Ok(entry) => Some((Ok(entry), Some(tail))),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

struct Tail {
    backend: Arc<dyn Backend>,
    stream: Arc<str>,
    after: EntryId,
    ready: VecDeque<Entry>,
}

impl Tail {
    async fn next(&mut self) -> Result<Entry, Error> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                self.after = entry.id;
                return Ok(entry);
            }
            match read(&*self.backend, &self.stream, self.after, PAGE, Some(WAIT)).await {
                Ok(entries) => self.ready.extend(entries),
                Err(error) => wait_out(error).await?,
            }
        }
    }
}

/// Reads the next entries of one stream, and waits for some if there are none.
pub(crate) async fn read(
    backend: &dyn Backend,
    stream: &Arc<str>,
    after: EntryId,
    limit: usize,
    wait: Option<Duration>,
) -> Result<Vec<Entry>, Error> {
    let read = Read { streams: vec![(Arc::clone(stream), after)], limit, wait };
    let found = backend.read(read).await?;
    Ok(found.into_iter().flat_map(|found| found.entries).collect())
}

/// Waits a while if time may mend what is wrong, and hands the error back otherwise.
pub(crate) async fn wait_out(error: Error) -> Result<(), Error> {
    match error {
        Error::Unavailable { .. } => {
            tracing::warn!(%error, "trying again");
            tokio::time::sleep(PAUSE).await;
            Ok(())
        }
        other => Err(other),
    }
}
