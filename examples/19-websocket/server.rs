//! The server: a page, and a WebSocket for each client.

use std::convert::Infallible;
use std::net::Ipv4Addr;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use axum::response::Html;
use axum::routing::{any, get};
use tenure::prelude::*;
use tenure_actors::http::serve;
use tenure_actors::http::websocket::{Error, Message, WebSocket, accept};
use tokio::net::TcpListener;

use crate::room::RoomMsg;

type Room = ActorRef<RoomMsg>;

pub(crate) struct Listen {
    pub(crate) port: u16,
}

impl Actor for Listen {
    type Msg = Infallible;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        println!("listening on http://{}", listener.local_addr()?);
        let routes = Router::new()
            .route("/", get(Html(include_str!("page.html"))))
            .route("/chat/{name}", any(connect))
            .with_state(ctx.lookup::<RoomMsg>("room")?);
        ctx.spawn(serve(listener, routes).spec().name("http"))?;
        Ok(())
    }

    async fn handle(&mut self, msg: Infallible, _: &mut Context<Self>) -> tenure::Result {
        match msg {}
    }
}

async fn connect(
    State(room): State<Room>,
    Path(name): Path<String>,
    mut request: Request,
) -> Response<String> {
    accept(&mut request, async move |socket| {
        if let Err(error) = talk(socket, &room, name).await {
            tracing::debug!(%error, "a client has gone");
        }
    })
}

/// Runs as a child of the client's connection. When the server is to end, `receive` says so to the client, and gives
/// nothing more.
async fn talk(mut socket: WebSocket, room: &Room, name: String) -> tenure::Result {
    let joined = room.ask(|reply| RoomMsg::Join(name.clone(), reply)).await?;
    let mut lines = match joined {
        Ok(lines) => lines,
        Err(why) => {
            socket.send(Message::text(why)).await?;
            socket.close().await;
            return Ok(());
        }
    };
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => socket.send(Message::text(&*line)).await?,
                // The room has dropped the client.
                None => {
                    socket.close().await;
                    return Ok(());
                }
            },
            message = socket.receive() => match message {
                Some(Ok(Message::Text(text))) => {
                    room.tell(RoomMsg::Say(name.clone(), text.to_string())).await?;
                }
                Some(Ok(_)) => {}
                Some(Err(Error::ConnectionClosed)) | None => break,
                Some(Err(error)) => {
                    tracing::debug!(%error, "what a client has sent is not understood");
                    break;
                }
            },
        }
    }
    room.tell(RoomMsg::Leave(name)).await?;
    Ok(())
}
