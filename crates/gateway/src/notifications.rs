//! `GET /notifications/{user}`: what is published to a user and to everybody, as it was sent.
//!
//! Every message of the channels `notifications:{user}` and `notifications:broadcast` is one message of the WebSocket or one
//! event of the event stream, and nothing else is. A WebSocket is opened once the channels are listened to: what is
//! published after that arrives.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use crate::access::{Access, Deed};
use crate::admission::{Refused, TokenQuery, Upgrade, turn_away};
use crate::events;
use crate::gateway::Shared;
use crate::hub::Listening;
use crate::listener::Peer;
use crate::news::Form;
use crate::outbox::Outbox;
use crate::socket::{Monologue, OpenSocket};

pub(crate) const BROADCAST: &str = "notifications:broadcast";

pub(crate) async fn notifications(
    State(shared): State<Arc<Shared>>,
    Path(user): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    ConnectInfo(peer): ConnectInfo<Peer>,
    upgrade: Upgrade,
) -> Response {
    let access = shared.admit(&user, &headers, &TokenQuery::of(query.as_deref()));
    let (access, seat) = match shared.enter(access) {
        Ok(entered) => entered,
        Err(turned_away) => return turn_away(upgrade, turned_away),
    };
    // Whoever has an API key listens in the user's place.
    seat.belongs_to(&Arc::from(&*user));
    let form = if upgrade.is_ok() { Form::Plain } else { Form::PlainEvent };
    let listening = match shared.listen(&user, form, &seat.outbox).await {
        Ok(listening) => listening,
        Err(refused) => return refused.into_response(),
    };
    match upgrade {
        Ok(upgrade) => shared.prepare(upgrade).on_upgrade(async move |socket| {
            peer.line.hand_over(&seat.outbox);
            OpenSocket::new(shared, seat, &access, Monologue).serve(socket).await;
            drop(listening);
        }),
        Err(_) => events::stream(seat, &access, &shared.limits, listening),
    }
}

impl Shared {
    fn admit(
        &self,
        user: &str,
        headers: &HeaderMap,
        query: &TokenQuery,
    ) -> Result<Access, Refused> {
        let access = self.access(headers, query)?;
        if access.allows(Deed::Notifications(user)) {
            return Ok(access);
        }
        self.counts.refused.add(1);
        Err(Refused::new(StatusCode::UNAUTHORIZED, "the token is that of another user"))
    }

    async fn listen(
        &self,
        user: &str,
        form: Form,
        outbox: &Arc<Outbox>,
    ) -> Result<Listening, Refused> {
        let own: Arc<str> = format!("notifications:{user}").into();
        let broadcast: Arc<str> = BROADCAST.into();
        // As one, so that what was published to both arrives in its order.
        let channels = if own == broadcast { vec![own] } else { vec![own, broadcast] };
        self.listen_to(&channels, form, outbox).await
    }
}
