//! A connection: an actor that sends lines to the client, and its task that reads lines from the client.

use std::time::Duration;

use tenure::CancellationToken;
use tenure::prelude::*;
use tokio::io::{
    self, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf,
    WriteHalf,
};
use tokio::time::timeout;

use crate::room::{Line, RoomMsg};

/// How many lines a client may be behind.
const BEHIND_LIMIT: usize = 64;
/// How long a client may take to accept a line. It is less than the grace, so a drain comes to an end by itself.
pub(crate) const WRITE_LIMIT: Duration = Duration::from_secs(3);
/// How long to wait at the end for the client to close the connection, too.
const LINGER: Duration = Duration::from_millis(500);
/// The longest line of a client, in bytes.
const LINE_LIMIT: u64 = 1_024;

/// The recipe of a session.
pub(crate) struct Connection<S> {
    pub(crate) stream: S,
    pub(crate) room: ActorRef<RoomMsg>,
}

pub(crate) struct Session<S> {
    writer: WriteHalf<S>,
}

/// The spec of a session, whose failure does not fail the server.
pub(crate) fn session<S>(stream: S, room: ActorRef<RoomMsg>) -> ChildSpec<Connection<S>>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    ChildSpec::new(Connection { stream, room })
        .mailbox(Mailbox::bounded(BEHIND_LIMIT))
        .contain()
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> Start for Connection<S> {
    type Actor = Session<S>;

    async fn start(self, ctx: &mut Context<Session<S>>) -> tenure::Result<Session<S>> {
        let (reader, writer) = io::split(self.stream);
        let me = ctx.me();
        ctx.task_with(|token| read(BufReader::new(reader), me, self.room, token))?;
        Ok(Session { writer })
    }
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> Actor for Session<S> {
    type Msg = Line;

    async fn handle(&mut self, line: Line, _ctx: &mut Context<Self>) -> tenure::Result {
        self.send(&line).await
    }

    async fn on_drain(&mut self, _ctx: &mut Context<Self>) -> tenure::Result {
        self.send("* goodbye").await?;
        Ok(self.writer.shutdown().await?)
    }
}

impl<S: AsyncWrite> Session<S> {
    async fn send(&mut self, line: &str) -> tenure::Result {
        let line = format!("{line}\n");
        match timeout(WRITE_LIMIT, self.writer.write_all(line.as_bytes())).await {
            Ok(written) => Ok(written?),
            Err(_) => Err("takes no lines any more".into()),
        }
    }
}

/// Reads until the client has said everything, or the session ends.
async fn read<S: AsyncRead>(
    mut reader: BufReader<ReadHalf<S>>,
    session: ActorRef<Line>,
    room: ActorRef<RoomMsg>,
    token: CancellationToken,
) -> tenure::Result {
    let talk = talk(&mut reader, &session, &room);
    match token.run_until_cancelled(talk).await {
        // Sends what is queued, and ends this task as well.
        Some(talked) => {
            session.request_drain();
            talked?;
        }
        // Closing a connection with unread bytes would reset it, and the goodbye could be lost.
        None => {
            let mut nowhere = io::sink();
            let rest = io::copy(&mut reader, &mut nowhere);
            if let Ok(Err(error)) = timeout(LINGER, rest).await {
                tracing::debug!(%error, "a connection broke off");
            }
        }
    }
    Ok(())
}

async fn talk<R: AsyncRead + Unpin>(
    reader: &mut BufReader<R>,
    session: &ActorRef<Line>,
    room: &ActorRef<RoomMsg>,
) -> tenure::Result {
    session.tell("* who are you?".into()).await?;
    let name = loop {
        let Some(name) = next_line(reader).await? else {
            return Ok(());
        };
        let join = |reply| RoomMsg::Join {
            name: name.clone(),
            session: session.clone(),
            reply,
        };
        match room.ask(join).await? {
            Ok(()) => break name,
            Err(why) => session.tell(format!("* {why}").into()).await?,
        }
    };
    session.tell(format!("* welcome, {name}").into()).await?;
    while let Some(text) = next_line(reader).await? {
        if !text.is_empty() {
            let name = name.clone();
            room.tell(RoomMsg::Say { name, text }).await?;
        }
    }
    Ok(())
}

/// `None` at the end of the stream.
async fn next_line<R: AsyncRead + Unpin>(
    reader: &mut BufReader<R>,
) -> tenure::Result<Option<String>> {
    let mut line = Vec::new();
    let length = reader.take(LINE_LIMIT).read_until(b'\n', &mut line).await?;
    if length as u64 == LINE_LIMIT && !line.ends_with(b"\n") {
        return Err("sends lines without an end".into());
    }
    let line = String::from_utf8_lossy(&line);
    Ok((length > 0).then(|| line.trim().to_owned()))
}
