//! The spans of a system in OpenTelemetry: an ask is a child of the span in which it was made. Everything else is a
//! root with a link.

#[path = "../../tests/common/mod.rs"]
mod common;

use std::time::Duration;

use common::in_order;
use opentelemetry::trace::{SpanId, SpanKind, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tenure::Builder;
use tenure::prelude::*;
use tracing::Instrument;
use tracing_subscriber::prelude::*;

/// Notes what others do.
struct Audit;

impl Actor for Audit {
    type Msg = &'static str;

    async fn handle(&mut self, _: &'static str, _: &mut Context<Self>) -> tenure::Result {
        tracing::info!("noted");
        Ok(())
    }

    fn label(_: &&'static str) -> &'static str {
        "Note"
    }
}

struct Store;

enum StoreMsg {
    Get(ReplyTo<u32>),
}

impl Actor for Store {
    type Msg = StoreMsg;

    async fn handle(&mut self, msg: StoreMsg, _: &mut Context<Self>) -> tenure::Result {
        let StoreMsg::Get(reply) = msg;
        // The handler takes several polls.
        tokio::task::yield_now().await;
        reply.send(7);
        Ok(())
    }

    fn label(_: &StoreMsg) -> &'static str {
        "Get"
    }
}

/// Asks the store in its handler, tells the audit from a task, and sends itself a message by a timer.
struct Front {
    store: ActorRef<StoreMsg>,
    audit: ActorRef<&'static str>,
}

enum FrontMsg {
    Fetch(ReplyTo<u32>),
    Later,
}

/// Forwards everything to another actor.
struct Desk<M: Send + 'static> {
    to: ActorRef<M>,
}

impl<M: Send + 'static> Actor for Desk<M> {
    type Msg = M;

    async fn handle(&mut self, msg: M, ctx: &mut Context<Self>) -> tenure::Result {
        ctx.forward(&self.to, msg).await?;
        Ok(())
    }

    fn label(_: &M) -> &'static str {
        "Forward"
    }
}

impl Actor for Front {
    type Msg = FrontMsg;

    async fn handle(&mut self, msg: FrontMsg, ctx: &mut Context<Self>) -> tenure::Result {
        let FrontMsg::Fetch(reply) = msg else {
            return Ok(());
        };
        let audit = self.audit.clone();
        drop(ctx.task(async move { audit.tell("fetched").await })?);
        ctx.send_after(Duration::from_secs(1), FrontMsg::Later);
        reply.send(self.store.ask(StoreMsg::Get).await?);
        Ok(())
    }

    fn label(msg: &FrontMsg) -> &'static str {
        match msg {
            FrontMsg::Fetch(_) => "Fetch",
            FrontMsg::Later => "Later",
        }
    }
}

/// Runs a front and the actors that it needs. Returns the exported spans.
fn front(with: fn(Builder) -> Builder) -> Vec<SpanData> {
    exported(with, async |system| {
        let store = system.spawn(ChildSpec::new(Store).name("store")).unwrap();
        let audit = system.spawn(ChildSpec::new(Audit).name("audit")).unwrap();
        let front = system.spawn(Front { store, audit }).unwrap();
        let request = tracing::info_span!("request");
        let asked = front.ask(FrontMsg::Fetch).instrument(request).await;
        assert_eq!(asked, Ok(7));
        tokio::time::sleep(Duration::from_secs(2)).await;
    })
}

/// Runs code in a system. Returns the exported spans.
fn exported(with: fn(Builder) -> Builder, code: impl AsyncFn(&System)) -> Vec<SpanData> {
    exported_meanwhile(with, async |system, _| code(system).await)
}

/// As [`exported`]. The code can look at the spans that have ended so far.
fn exported_meanwhile(
    with: fn(Builder) -> Builder,
    code: impl AsyncFn(&System, &InMemorySpanExporter),
) -> Vec<SpanData> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let subscriber = tracing_subscriber::registry().with(layer);
    let _default = tracing::subscriber::set_default(subscriber);
    in_order(async |_| {
        let system = with(System::builder().name("shop")).start().unwrap();
        code(&system, &exporter).await;
        system.drain().await.unwrap();
    });
    provider.force_flush().unwrap();
    exporter.get_finished_spans().unwrap()
}

fn find<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    let mut found = spans.iter().filter(|span| span.name == name);
    let first = found.next();
    assert!(found.next().is_none(), "more than one {name}");
    first.unwrap_or_else(|| panic!("no {name} among {spans:#?}"))
}

fn links(span: &SpanData) -> Vec<SpanId> {
    let links = span.links.iter();
    links.map(|link| link.span_context.span_id()).collect()
}

#[test]
fn an_ask_is_a_child_of_what_it_was_asked_in() {
    let spans = front(Builder::spans);
    let request = find(&spans, "request");
    let (fetch, get) = (find(&spans, "Fetch"), find(&spans, "Get"));
    assert_eq!(fetch.parent_span_id, request.span_context.span_id());
    assert_eq!(get.parent_span_id, fetch.span_context.span_id());
    for span in [fetch, get] {
        assert_eq!(
            span.span_context.trace_id(),
            request.span_context.trace_id()
        );
        assert_eq!(span.span_kind, SpanKind::Server);
    }
}

#[test]
fn a_tell_is_a_root_that_follows_from_its_sender_also_by_a_task() {
    let spans = front(Builder::spans);
    let (fetch, note) = (find(&spans, "Fetch"), find(&spans, "Note"));
    assert_eq!(note.parent_span_id, SpanId::INVALID);
    assert_eq!(note.span_kind, SpanKind::Consumer);
    assert_ne!(note.span_context.trace_id(), fetch.span_context.trace_id());
    let audit = find(&spans, "spans::Audit");
    let expected = [fetch, audit].map(|span| span.span_context.span_id());
    assert_eq!(links(note), expected);
    // Nobody sends the message of a timer, so its only link is to the span of the actor.
    let front = find(&spans, "spans::Front");
    assert_eq!(links(find(&spans, "Later")), [front.span_context.span_id()]);
}

#[test]
fn a_life_is_beneath_that_of_its_owner() {
    let spans = front(Builder::spans);
    let system = find(&spans, "System");
    assert_eq!(system.parent_span_id, SpanId::INVALID);
    for name in ["spans::Store", "spans::Audit", "spans::Front"] {
        let life = find(&spans, name);
        assert_eq!(life.parent_span_id, system.span_context.span_id());
        // The end of the actor is an event in the span.
        assert!(
            life.events.iter().any(|event| event.name == "ended"),
            "{life:?}"
        );
    }
}

#[test]
fn without_being_asked_for_there_are_none() {
    // Timings need the same notes of each message as spans, but make no spans.
    for with in [|builder| builder, Builder::timings] {
        let names = front(with).into_iter().map(|span| span.name);
        assert_eq!(names.collect::<Vec<_>>(), ["request"]);
    }
}

/// Handles everything that is queued in one go.
struct Batches;

impl Actor for Batches {
    type Msg = &'static str;

    async fn handle(&mut self, _: &'static str, ctx: &mut Context<Self>) -> tenure::Result {
        while ctx.try_next().is_some() {}
        Ok(())
    }

    fn label(msg: &&'static str) -> &'static str {
        msg
    }
}

#[test]
fn what_a_handler_takes_is_a_part_of_what_it_does() {
    let spans = exported(Builder::spans, async |system| {
        let batches = system.spawn(Batches).unwrap();
        for msg in ["first", "second", "third"] {
            batches.try_tell(msg).unwrap();
        }
    });
    find(&spans, "first");
    assert!(
        spans
            .iter()
            .all(|span| !["second", "third"].contains(&&*span.name))
    );
}

#[test]
fn what_is_handed_on_is_an_ask_there_only_if_somebody_waits() {
    let spans = exported(Builder::spans, async |system| {
        let store = system.spawn(Store).unwrap();
        let desk = system.spawn(Desk { to: store }).unwrap();
        let request = tracing::info_span!("request");
        assert_eq!(desk.ask(StoreMsg::Get).instrument(request).await, Ok(7));
    });
    let (request, forward) = (find(&spans, "request"), find(&spans, "Forward"));
    assert_eq!(forward.parent_span_id, request.span_context.span_id());
    assert_eq!(
        find(&spans, "Get").parent_span_id,
        forward.span_context.span_id()
    );

    let spans = exported(Builder::spans, async |system| {
        let audit = system.spawn(Audit).unwrap();
        let desk = system.spawn(Desk { to: audit }).unwrap();
        desk.tell("from no span at all").await.unwrap();
    });
    let (forward, note) = (find(&spans, "Forward"), find(&spans, "Note"));
    assert_eq!(forward.parent_span_id, SpanId::INVALID);
    assert_eq!(note.parent_span_id, SpanId::INVALID);
    assert_eq!(note.span_kind, SpanKind::Consumer);
    assert!(links(note).contains(&forward.span_context.span_id()));
}

#[test]
fn a_message_behind_one_that_was_given_up_keeps_its_own_sender() {
    let spans = exported(Builder::spans, async |system| {
        let store = system.spawn(Store).unwrap();
        let request = tracing::info_span!("request");
        let given_up = tokio::time::timeout(Duration::ZERO, store.ask(StoreMsg::Get));
        given_up.await.unwrap_err();
        assert_eq!(store.ask(StoreMsg::Get).instrument(request).await, Ok(7));
    });
    let (request, get) = (find(&spans, "request"), find(&spans, "Get"));
    assert_eq!(get.parent_span_id, request.span_context.span_id());
}

/// Awaits something, notes that, and ends its handler as it is told.
#[derive(Clone, Default)]
struct Waiter {
    /// What it tells itself with a timer.
    later: Option<End>,
}

#[derive(Clone, Copy)]
enum End {
    Return,
    Fail,
    Panic,
}

impl Actor for Waiter {
    type Msg = End;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if let Some(end) = self.later {
            ctx.send_after(Duration::from_secs(1), end);
        }
        Ok(())
    }

    async fn handle(&mut self, end: End, _: &mut Context<Self>) -> tenure::Result {
        tokio::task::yield_now().await;
        tracing::info!("awaited");
        match end {
            End::Return => Ok(()),
            End::Fail => Err("as it was told".into()),
            End::Panic => panic!("as it was told"),
        }
    }

    fn label(_: &End) -> &'static str {
        "Wait"
    }
}

/// Whether a span of this name has ended, and has the event of [`Waiter`].
fn has_ended(exporter: &InMemorySpanExporter, name: &str) -> bool {
    let spans = exporter.get_finished_spans().unwrap();
    let found = spans.iter().find(|span| span.name == name);
    found.is_some_and(|span| span.events.iter().any(|event| event.name == "awaited"))
}

#[test]
fn the_span_of_a_message_lasts_as_long_as_its_handler() {
    for later in [None, Some(End::Return)] {
        exported_meanwhile(Builder::spans, async |system, exporter| {
            let waiter = system.spawn(Waiter { later }).unwrap();
            if later.is_none() {
                waiter.try_tell(End::Return).unwrap();
            }
            assert!(!has_ended(exporter, "Wait"));
            tokio::time::sleep(Duration::from_secs(2)).await;
            // The actor is alive, and has nothing to do.
            assert!(has_ended(exporter, "Wait"));
        });
    }
}

#[test]
fn the_span_of_a_message_that_fails_ends_before_the_restart() {
    for end in [End::Fail, End::Panic] {
        exported_meanwhile(Builder::spans, async |system, exporter| {
            let waiter = ChildSpec::new(Waiter::default())
                .restart(Restart::OnFailure)
                .backoff(Backoff::fixed(Duration::from_secs(3_600)));
            let waiter = system.spawn(waiter).unwrap();
            waiter.try_tell(end).unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(has_ended(exporter, "Wait"));
        });
    }
}
