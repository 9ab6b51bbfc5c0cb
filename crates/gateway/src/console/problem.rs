//! Why a request of the console is not served.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use firth::{Error, Refusal};
use serde_json::json;

use crate::access::Role;
use crate::admission::Refused;

/// Why a request is not served: for the application as a code, for people as a text.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) text: String,
    needs: Option<Role>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Problem { status, code, text: text.into(), needs: None }
    }

    pub(crate) fn malformed(text: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "malformed", text)
    }

    pub(crate) fn unauthorized(text: impl Into<String>) -> Self {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", text)
    }

    /// The role does not suffice.
    pub(crate) fn forbidden(needs: Role) -> Self {
        let text = "your role may not do this";
        Problem { needs: Some(needs), ..Problem::new(StatusCode::FORBIDDEN, "forbidden", text) }
    }

    /// The request may have been made by a page from elsewhere.
    pub(crate) fn forged(text: &str) -> Self {
        Problem::new(StatusCode::FORBIDDEN, "csrf", text)
    }

    pub(crate) fn not_found(text: impl Into<String>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, "not_found", text)
    }

    pub(crate) fn conflict(text: impl Into<String>) -> Self {
        Problem::new(StatusCode::CONFLICT, "conflict", text)
    }

    pub(crate) fn too_many(text: &str) -> Self {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "limit", text)
    }

    pub(crate) fn method() -> Self {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "malformed", "it takes another method")
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::Unavailable { .. } | Error::Closed => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            Error::Server { .. } => (StatusCode::BAD_GATEWAY, "backend"),
            Error::Unsupported { .. } => (StatusCode::NOT_IMPLEMENTED, "not_implemented"),
            Error::Refused(Refusal::NoGroup | Refusal::NoStream) => {
                (StatusCode::NOT_FOUND, "not_found")
            }
            Error::Refused(Refusal::TooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Error::Refused(
                Refusal::Conflict { .. } | Refusal::IdNotGreater | Refusal::WrongType,
            ) => (StatusCode::CONFLICT, "conflict"),
            _ => (StatusCode::BAD_REQUEST, "malformed"),
        };
        Problem::new(status, code, error.to_string())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let code = match refused.status {
            StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            StatusCode::BAD_GATEWAY => "backend",
            StatusCode::UNAUTHORIZED => "unauthorized",
            _ => "malformed",
        };
        Problem::new(refused.status, code, refused.text)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({"error": self.text, "code": self.code});
        if let Some(role) = self.needs {
            body["needs"] = json!(role);
        }
        let mut response = (self.status, Json(body)).into_response();
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(RETRY_AFTER, 5.into());
        }
        response
    }
}
