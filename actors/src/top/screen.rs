//! The terminal, as an actor: keys and looks come to it as messages.

use std::io;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use ratatui::DefaultTerminal;
use tenure::prelude::*;
use tokio::time::sleep;

use super::app::{App, Flow};
use super::args::Args;
use super::client::Client;
use super::draw::draw;
use super::error::TopError;
use super::look::Look;

/// Shows the screen until the user quits.
pub(super) fn run(client: Client, args: &Args) -> Result<(), TopError> {
    let terminal = ratatui::try_init().map_err(|source| TopError::Terminal { source })?;
    let screen = Screen {
        terminal: Restored(terminal),
        app: App::new(&client.address, args.view),
        client,
        interval: args.interval,
    };
    let done = System::builder().on_signals().block_on(screen);
    done.map_err(|source| TopError::Failed { source })
}

/// The terminal. Dropping it restores the terminal's state, however the program ends.
struct Restored(DefaultTerminal);

impl Drop for Restored {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

struct Screen {
    terminal: Restored,
    app: App,
    client: Client,
    interval: Duration,
}

enum Msg {
    Typed(io::Result<Event>),
    Looked(Box<Result<Look, TopError>>),
}

impl Screen {
    fn draw(&mut self) -> tenure::Result {
        let Self { terminal, app, .. } = self;
        terminal.0.draw(|frame| draw(app, frame))?;
        Ok(())
    }
}

impl Actor for Screen {
    type Msg = Msg;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        ctx.attach(EventStream::new(), Msg::Typed);
        let (me, client, interval) = (ctx.me(), self.client.clone(), self.interval);
        let looks = async move {
            loop {
                let looked = client.look().await;
                me.tell(Msg::Looked(Box::new(looked))).await?;
                sleep(interval).await;
            }
        };
        ctx.task(TaskSpec::new(async move {
            let looks: tenure::Result = looks.await;
            looks
        }))?;
        self.draw()
    }

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Typed(event) => {
                if self.app.event(&event?) == Flow::Quit {
                    ctx.stop();
                    return Ok(());
                }
            }
            Msg::Looked(looked) => match *looked {
                Ok(look) => self.app.take(look),
                Err(error) => self.app.fail(super::chain(&error)),
            },
        }
        self.draw()
    }

    fn label(msg: &Msg) -> &'static str {
        match msg {
            Msg::Typed(_) => "Typed",
            Msg::Looked(_) => "Looked",
        }
    }
}
