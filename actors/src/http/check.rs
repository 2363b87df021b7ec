//! What the protocol leaves to the server to refuse.

use http::uri::Authority;
use http::{Request, StatusCode, Version, header};
use http_body::Body;

use super::connection::Connection;

/// Why a request is refused before its handler sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no `Host`, or several, or one that is none.
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
    if !has_good_host(request) {
        return Some(Refusal::BadHost);
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
    let is_host = |host: &[u8]| {
        let authority = Authority::try_from(host);
        authority.is_ok_and(|authority| !authority.as_str().contains('@'))
    };
    second.is_none() && (host.is_empty() || is_host(host.as_bytes()))
}
