//! The page and its files.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

pub(super) async fn page() -> Response {
    file("text/html", include_str!("../../page/index.html"))
}

pub(super) async fn style() -> Response {
    file("text/css", include_str!("../../page/page.css"))
}

pub(super) async fn script() -> Response {
    file("text/javascript", include_str!("../../page/page.js"))
}

pub(super) async fn icon() -> Response {
    file("image/svg+xml", include_str!("../../page/icon.svg"))
}

fn file(kind: &str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, format!("{kind}; charset=utf-8"))], text).into_response()
}
