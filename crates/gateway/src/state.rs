//! How far something has come that many sockets share and that one task asks the backend for.

use firth::Error;
use tokio::sync::watch;

/// How far it has come.
#[derive(Clone, Debug, Default)]
pub(crate) enum State {
    /// The backend has not answered yet.
    #[default]
    Asking,
    Running,
    Failed(Error),
}

/// Waits until it runs, or returns why it does not.
pub(crate) async fn running(state: &watch::Sender<State>) -> Result<(), Error> {
    let mut state = state.subscribe();
    let settled = state.wait_for(|state| !matches!(state, State::Asking)).await;
    match settled.as_deref() {
        Ok(State::Failed(error)) => Err(error.clone()),
        Ok(_) => Ok(()),
        Err(_) => Err(Error::Closed),
    }
}
