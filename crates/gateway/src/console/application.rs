//! The application of the console: its files, and what browsers must know about them.

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};

/// A file of the application: its path, its bytes.
type File = (&'static str, &'static [u8]);

include!(concat!(env!("OUT_DIR"), "/application.rs"));

/// Where a page may load from, and whom it may speak to: this host alone. Neither scripts nor styles may stand in the
/// page itself; what scripts set on elements, as charts do, is no such style.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; connect-src 'self'; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What is there instead of an application that was not built.
const FALLBACK: &str = include_str!("fallback.html");

/// Serves a file of the application.
pub(crate) async fn file(uri: Uri) -> Response {
    served(FILES, uri.path().trim_start_matches("/console").trim_start_matches('/'))
}

/// Sends to where the application is.
pub(crate) async fn home() -> Redirect {
    Redirect::permanent("/console/")
}

fn served(files: &'static [File], path: &str) -> Response {
    let find = |path: &str| files.iter().find(|(name, _)| *name == path);
    if let Some((name, bytes)) = find(path).filter(|(name, _)| *name != "index.html") {
        // The names of these files tell what is in them.
        let age =
            if name.starts_with("assets/") { "max-age=31536000, immutable" } else { "no-cache" };
        return ([(CONTENT_TYPE, kind_of(name)), (CACHE_CONTROL, age)], *bytes).into_response();
    }
    if path.starts_with("assets/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    // All other paths are places within the application.
    match find("index.html") {
        Some((name, bytes)) => {
            ([(CONTENT_TYPE, kind_of(name)), (CACHE_CONTROL, "no-cache")], *bytes).into_response()
        }
        None => ([(CACHE_CONTROL, "no-cache")], Html(FALLBACK)).into_response(),
    }
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "webmanifest" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Tells browsers what no page of the console may do.
pub(crate) async fn guarded(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    add_headers(response.headers_mut());
    response
}

fn add_headers(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    const BUILT: &[File] = &[("index.html", b"<html>"), ("assets/a-1.js", b"1")];

    fn check(files: &'static [File], path: &str, kind: &str, age: &str) {
        let response = served(files, path);
        assert_eq!(response.headers()[CONTENT_TYPE], kind, "{path}");
        assert_eq!(response.headers()[CACHE_CONTROL], age, "{path}");
    }

    #[test]
    fn files_and_places_within_the_application() {
        let html = "text/html; charset=utf-8";
        check(BUILT, "", html, "no-cache");
        check(BUILT, "streams", html, "no-cache");
        let script = "text/javascript; charset=utf-8";
        check(BUILT, "assets/a-1.js", script, "max-age=31536000, immutable");
        check(&[], "", html, "no-cache");
        assert_eq!(served(BUILT, "assets/a-2.js").status(), StatusCode::NOT_FOUND);
    }
}
