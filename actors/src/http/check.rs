//! What the protocol leaves to the server to refuse.

use http::uri::Authority;
use http::{Request, StatusCode, Version, header};
use http_body::Body;

use super::connection::Connection;

/// Why a request is refused before its handler sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no `Host`, or several, or it or the target has one that is none.
    BadHost,
    /// A transfer coding that this server does not know.
    UnknownCoding,
    /// The length that is declared is beyond the limit.
    LargeBody,
}

impl Refusal {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::BadHost => StatusCode::BAD_REQUEST,
            Self::UnknownCoding => StatusCode::NOT_IMPLEMENTED,
            Self::LargeBody => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }
}

/// Looks at a request before anybody reads its body.
pub(super) fn refusal<B: Body>(request: &Request<B>, connection: &Connection) -> Option<Refusal> {
    let found = look(request, connection)?;
    let stats = connection.stats();
    match found {
        Refusal::LargeBody => stats.bodies_too_large.add(),
        Refusal::BadHost | Refusal::UnknownCoding => stats.bad_heads.add(),
    }
    tracing::debug!(peer = ?connection.peer, refusal = ?found, "a request is refused");
    Some(found)
}

fn look<B: Body>(request: &Request<B>, connection: &Connection) -> Option<Refusal> {
    if !has_good_host(request) || !has_good_target(request) {
        return Some(Refusal::BadHost);
    }
    if request.body().is_end_stream() {
        // It has neither a length nor a coding.
        return None;
    }
    let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Some(Refusal::UnknownCoding);
    }
    let declared = request.body().size_hint().lower();
    (declared > connection.limits().body_bytes).then_some(Refusal::LargeBody)
}

fn has_good_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let Some(host) = first else {
        // In HTTP/2 it is part of the target, and HTTP/1.0 has none.
        return request.version() != Version::HTTP_11;
    };
    second.is_none() && (host.is_empty() || is_host(host.as_bytes()))
}

/// In HTTP/2, and where a proxy is meant, it has a host, too.
fn has_good_target<B>(request: &Request<B>) -> bool {
    let authority = request.uri().authority();
    authority.is_none_or(|authority| is_host(authority.as_str().as_bytes()))
}

fn is_host(host: &[u8]) -> bool {
    if is_plain(host) {
        return true;
    }
    let authority = Authority::try_from(host);
    authority.is_ok_and(|authority| {
        // What the parser takes may begin with a user, and end with anything for a port.
        let rest = authority.as_str().strip_prefix(authority.host());
        let is_port = |rest: &str| {
            let port = rest.strip_prefix(':');
            port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
        };
        rest.is_some_and(|rest| rest.is_empty() || is_port(rest))
    })
}

/// What nearly all are: a name or an address, with a port or without. It needs no whole parser, which takes as long as
/// all else that is done here.
fn is_plain(host: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let end = host.iter().position(|byte| !is_name(byte));
    let (name, port) = host.split_at(end.unwrap_or(host.len()));
    let is_port = |port: &[u8]| port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
    !name.is_empty() && (port.is_empty() || port[0] == b':' && is_port(&port[1..]))
}
