//! The part of HTTP/1.1 that the service needs: one request for each connection.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// The longest request, in bytes.
const LIMIT: u64 = 4_096;

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: String,
}

/// # Errors
///
/// `InvalidData` if it is not a request or is too long, and the error of the stream if that ends too early.
pub(crate) async fn read(reader: impl AsyncBufRead + Unpin) -> io::Result<Request> {
    let mut reader = reader.take(LIMIT);
    let first = line(&mut reader).await?;
    let mut words = first.split(' ').map(String::from);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let mut length = 0;
    loop {
        let header = line(&mut reader).await?;
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value
                .trim()
                .parse()
                .map_err(|_| io::ErrorKind::InvalidData)?;
        }
    }
    if length > reader.limit() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body).await?;
    Ok(Request { method, path, body })
}

/// A line, without its end.
async fn line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line).await?;
    match line.strip_suffix('\n') {
        Some(line) => Ok(line.trim_end_matches('\r').to_owned()),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}
