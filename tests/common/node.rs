//! An actor that runs the code that it is sent.

use std::sync::Arc;
use std::time::Duration;

use tenure::prelude::*;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::{Check, Guard, Log};

type Once = Box<dyn FnOnce(&mut Context<Node>) + Send>;
type Hook = Arc<dyn Fn(&mut Context<Node>) + Send + Sync>;

/// Logs the notes that it is sent.
pub struct Node {
    pub log: Log,
    on_start: Option<Hook>,
    on_stop: Option<Hook>,
    _guard: Guard,
}

pub enum Msg {
    Run(Once),
    Note(String),
    /// Nothing but a guard, which shows whether the message still exists.
    Keep(Guard),
    Sleep(Duration),
    /// Reaches the gate, and waits until that is opened.
    Hold(Arc<Gate>),
    Ping(ReplyTo<()>),
    Fail,
    Panic,
}

/// A place in which a handler waits until the test opens it.
#[derive(Default)]
pub struct Gate {
    reached: Notify,
    open: Notify,
}

impl Gate {
    /// Waits until the handler has reached the gate.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Notes that the handler has reached the gate.
    pub fn reach(&self) {
        self.reached.notify_one();
    }

    /// Waits until the gate is opened.
    pub async fn opened(&self) {
        self.open.notified().await;
    }

    pub fn open(&self) {
        self.open.notify_one();
    }
}

impl Node {
    pub fn new(check: &Check, log: &Log) -> Self {
        Self {
            log: log.clone(),
            on_start: None,
            on_stop: None,
            _guard: check.guard(),
        }
    }

    pub fn on_start(mut self, hook: impl Fn(&mut Context<Self>) + Send + Sync + 'static) -> Self {
        self.on_start = Some(Arc::new(hook));
        self
    }

    pub fn on_stop(mut self, hook: impl Fn(&mut Context<Self>) + Send + Sync + 'static) -> Self {
        self.on_stop = Some(Arc::new(hook));
        self
    }

    /// A spec of it with this name.
    pub fn named(self, name: &str) -> ChildSpec<Self> {
        ChildSpec::new(self).name(name)
    }
}

impl Actor for Node {
    type Msg = Msg;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if let Some(hook) = &self.on_start {
            hook(ctx);
        }
        Ok(())
    }

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Run(run) => run(ctx),
            Msg::Note(text) => self.log.push(text),
            Msg::Keep(guard) => drop(guard),
            Msg::Sleep(time) => sleep(time).await,
            Msg::Hold(gate) => {
                gate.reach();
                gate.opened().await;
            }
            Msg::Ping(reply) => reply.send(()),
            Msg::Fail => return Err("it fails".into()),
            Msg::Panic => panic!("it panics"),
        }
        Ok(())
    }

    async fn on_stop(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if let Some(hook) = &self.on_stop {
            hook(ctx);
        }
        Ok(())
    }

    fn label(msg: &Msg) -> &'static str {
        match msg {
            Msg::Run(_) => "Run",
            Msg::Note(_) => "Note",
            Msg::Keep(_) => "Keep",
            Msg::Sleep(_) => "Sleep",
            Msg::Hold(_) => "Hold",
            Msg::Ping(_) => "Ping",
            Msg::Fail => "Fail",
            Msg::Panic => "Panic",
        }
    }
}

impl From<String> for Msg {
    fn from(text: String) -> Self {
        Self::Note(text)
    }
}

pub fn run(run: impl FnOnce(&mut Context<Node>) + Send + 'static) -> Msg {
    Msg::Run(Box::new(run))
}

pub fn note(text: impl Into<String>) -> Msg {
    Msg::Note(text.into())
}

/// Runs some code in the actor's handler, and returns once it has run.
pub async fn run_in(actor: &ActorRef<Msg>, what: impl FnOnce(&mut Context<Node>) + Send + 'static) {
    actor.tell(run(what)).await.unwrap();
    actor.ask(Msg::Ping).await.unwrap();
}

/// Sends the actor into a handler that lasts until the gate is opened, and returns once it is there.
pub async fn hold(actor: &ActorRef<Msg>) -> Arc<Gate> {
    let gate = Arc::new(Gate::default());
    actor.tell(Msg::Hold(Arc::clone(&gate))).await.unwrap();
    gate.reached().await;
    gate
}
