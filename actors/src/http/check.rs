//! What the protocol leaves to the server to refuse.

use http::uri::Authority;
use http::{HeaderValue, Request, StatusCode, Version, header};
use http_body::Body;

use super::connection::Connection;

/// Why a request is refused before its handler sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no `Host`, or several, or it or the target has one that is none, or they differ.
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
    let (first, second) = (codings.next(), codings.next());
    let is_known = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    // Two fields are one list, and nothing is to be chunked twice (RFC 9112, 6.1).
    if second.is_some() || first.is_some_and(|coding| !is_known(coding)) {
        return Some(Refusal::UnknownCoding);
    }
    let declared = request.body().size_hint().lower();
    (declared > connection.limits().body_bytes).then_some(Refusal::LargeBody)
}

fn has_good_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let Some(host) = first.map(HeaderValue::as_bytes) else {
        return match request.version() {
            Version::HTTP_11 => false,
            // There it is a part of the target.
            Version::HTTP_2 => request.uri().authority().is_some(),
            _ => true,
        };
    };
    second.is_none() && (host.is_empty() || is_host(host)) && is_meant(host, request)
}

/// In HTTP/2 it means the same as the target, or somebody on the way may have taken the request for another's (RFC 9113,
/// 8.3.1). In HTTP/1 the target alone counts if it has a host.
fn is_meant<B>(host: &[u8], request: &Request<B>) -> bool {
    let target = request.uri();
    let Some(authority) = target.authority() else {
        return true;
    };
    let usual: &[u8] = match target.scheme_str() {
        Some("https") => b":443",
        _ => b":80",
    };
    let authority = without_port(authority.as_str().as_bytes(), usual);
    request.version() != Version::HTTP_2
        || authority.eq_ignore_ascii_case(without_port(host, usual))
}

/// The host without the port that is meant if there is none.
fn without_port<'a>(host: &'a [u8], usual: &[u8]) -> &'a [u8] {
    let name = host.strip_suffix(usual).or_else(|| host.strip_suffix(b":"));
    name.unwrap_or(host)
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
        rest.is_some_and(|rest| is_end(rest.as_bytes()))
    })
}

/// What nearly all are: a name or an address, with a port or without. It needs no whole parser, which takes as long as
/// all else that is done here.
fn is_plain(host: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let end = host.iter().position(|byte| !is_name(byte));
    let (name, rest) = host.split_at(end.unwrap_or(host.len()));
    !name.is_empty() && is_end(rest)
}

/// Whether this may follow a name: nothing, or a port, which may be left out after its colon.
fn is_end(rest: &[u8]) -> bool {
    let Some((colon, port)) = rest.split_first() else {
        return true;
    };
    let number = port.iter().try_fold(0_u16, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    });
    *colon == b':' && number.is_some()
}
