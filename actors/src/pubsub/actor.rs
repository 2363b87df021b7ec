use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tenure::{
    Actor, ActorRef, Attached, CancellationToken, ChildExit, ChildSpec, Context, Mailbox, NodeId,
    Recipient, ReplyTo, Result, SendError, TrySendError,
};

use super::courier::Courier;
use super::options::{Slow, Subscription};
use crate::ends::end_of;
use crate::held::Telling;
use crate::{caught, caught_while};

/// The messages of a [`Topic`]. It is `From` a value, so a [`Recipient`](tenure::Recipient) of values can only publish.
#[derive(Debug)]
#[non_exhaustive]
pub enum TopicMsg<T: Send + 'static> {
    /// Publishes a value to all subscribers. Each gets values in the order in which they were published.
    Publish(T),
    /// Subscribes an actor to what is published from now on.
    Subscribe(Subscription<T>),
    /// Ends the subscription of the actor with this number. The topic sends this to itself when a subscriber has ended.
    Unsubscribe(NodeId),
    /// Replies with the last value, if it is kept and there has been one.
    Last(ReplyTo<Option<T>>),
    /// Replies with the subscribers, in the order of their numbers.
    Subscribers(ReplyTo<Vec<SubscriberInfo>>),
}

impl<T: Send + 'static> From<T> for TopicMsg<T> {
    fn from(value: T) -> Self {
        Self::Publish(value)
    }
}

/// A subscriber, as a topic knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriberInfo {
    /// The actor's number.
    pub id: NodeId,
    /// What happens to values that it has no room for.
    pub slow: Slow,
    /// How many values it did not get, for lack of room or because the conversion to its message type has panicked.
    pub dropped: u64,
}

struct Subscriber<T: Send + 'static> {
    recipient: Recipient<T>,
    slow: Slow,
    dropped: Arc<AtomicU64>,
    courier: Option<ActorRef<T>>,
    end: Attached,
}

/// Sends each published value to all subscribers. Started from [`TopicOptions`](super::TopicOptions).
pub struct Topic<T: Send + 'static> {
    subscribers: BTreeMap<NodeId, Subscriber<T>>,
    keeps_last: bool,
    last: Option<T>,
    is_last_call: CancellationToken,
}

impl<T: Clone + Send + 'static> Topic<T> {
    pub(super) fn new(keeps_last: bool) -> Self {
        Self {
            subscribers: BTreeMap::new(),
            keeps_last,
            last: None,
            is_last_call: CancellationToken::new(),
        }
    }

    async fn subscribe(
        &mut self,
        subscription: Subscription<T>,
        ctx: &mut Context<Self>,
    ) -> Result {
        let Subscription { recipient, slow } = subscription;
        let id = recipient.id();
        self.unsubscribe(id);
        let dropped = Arc::new(AtomicU64::new(0));
        let courier = match slow {
            Slow::DropOldest(last) => {
                let courier = Courier {
                    to: recipient.clone(),
                    is_last_call: self.is_last_call.clone(),
                    dropped: Arc::clone(&dropped),
                };
                let kept = Mailbox::bounded(last.max(1)).drop_oldest();
                Some(ctx.spawn(ChildSpec::new(courier).mailbox(kept))?)
            }
            _ => None,
        };
        let end = ctx.attach(end_of(&recipient), TopicMsg::Unsubscribe);
        let subscriber = Subscriber {
            recipient,
            slow,
            dropped,
            courier,
            end,
        };
        self.subscribers.insert(id, subscriber);
        if let Some(last) = self.last.clone() {
            self.send(last, Some(id), ctx).await;
        }
        Ok(())
    }

    fn unsubscribe(&mut self, id: NodeId) {
        let Some(subscriber) = self.subscribers.remove(&id) else {
            return;
        };
        subscriber.end.cancel();
        if let Some(courier) = subscriber.courier {
            courier.request_stop();
        }
    }

    /// Sends a value to all subscribers, or to one. It waits for slow subscribers concurrently, after the others have
    /// the value.
    async fn send(&mut self, value: T, to: Option<NodeId>, ctx: &Context<Self>) {
        let (mut waited_for, mut disconnected) = (Vec::new(), Vec::new());
        let to = self
            .subscribers
            .iter()
            .filter(|(id, _)| to.is_none_or(|to| to == **id));
        for (id, subscriber) in to {
            match subscriber.offer(value.clone()) {
                Ok(()) => {}
                Err(value) if subscriber.slow == Slow::Wait => waited_for.push((*id, value)),
                Err(_) => {
                    subscriber.note_dropped();
                    if subscriber.slow == Slow::Disconnect {
                        disconnected.push(*id);
                    }
                }
            }
        }
        for id in disconnected {
            tracing::warn!(subscriber = ?self.subscribers[&id].recipient, "a subscriber is too slow for its topic");
            self.unsubscribe(id);
        }
        if !waited_for.is_empty() {
            self.wait_for(waited_for, ctx).await;
        }
    }

    /// What finds no room until the topic is told to stop, or is killed, is a dead letter for each subscriber.
    async fn wait_for(&mut self, waited_for: Vec<(NodeId, T)>, ctx: &Context<Self>) {
        let lose = |value| drop(ctx.stash(TopicMsg::Publish(value)));
        let recipient_of = |id: &NodeId| self.subscribers[id].recipient.clone();
        let recipients: Vec<_> = waited_for.iter().map(|(id, _)| recipient_of(id)).collect();
        let mut tells = FuturesUnordered::new();
        for ((id, value), recipient) in waited_for.into_iter().zip(&recipients) {
            let tell = Telling::new(recipient.tell(value), lose);
            tells.push(async move { (id, caught_while(tell).await) });
        }
        let mut cancelled = std::pin::pin!(ctx.cancelled());
        loop {
            let told = tokio::select! {
                biased;
                told = tells.next() => told,
                () = &mut cancelled => return,
            };
            match told {
                None => return,
                Some((id, Ok(Err(SendError::Deadlock(_, cycle))))) => {
                    tracing::warn!(%cycle, "a subscriber waits for the topic that waits for it");
                    self.note_dropped(id);
                }
                Some((id, Err(panic))) => {
                    panicked(&panic);
                    self.note_dropped(id);
                }
                // A subscriber that has ended is removed by `Unsubscribe`.
                Some(_) => {}
            }
        }
    }
}

impl<T: Send + 'static> Topic<T> {
    fn note_dropped(&self, id: NodeId) {
        if let Some(subscriber) = self.subscribers.get(&id) {
            subscriber.note_dropped();
        }
    }
}

/// Logs a panic in the code of one subscriber. It does not affect the others.
pub(super) fn panicked(panic: &str) {
    tracing::warn!(
        panic,
        "a subscriber's code has panicked, and it does not get a value"
    );
}

impl<T: Send + 'static> Subscriber<T> {
    fn note_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Offers a value to the subscriber. Gives it back if there is no room.
    fn offer(&self, value: T) -> Result<(), T> {
        let Some(courier) = &self.courier else {
            return self.offer_directly(value);
        };
        // What the courier has goes first. With nothing there, it is not needed as long as there is room.
        let value = match courier.node().in_hand() {
            0 => match self.offer_directly(value) {
                Ok(()) => return Ok(()),
                Err(value) => value,
            },
            _ => value,
        };
        let kept = match self.slow {
            Slow::DropOldest(last) => last.max(1) as u64,
            _ => u64::MAX,
        };
        if courier.node().backlog() >= kept {
            self.note_dropped();
        }
        given_back(courier.try_tell(value))
    }

    fn offer_directly(&self, value: T) -> Result<(), T> {
        match caught(|| self.recipient.try_tell(value)) {
            Ok(offered) => given_back(offered),
            Err(panic) => {
                panicked(&panic);
                self.note_dropped();
                Ok(())
            }
        }
    }
}

/// The value, if there is no room for it. An actor that has ended needs none: its `Unsubscribe` is on its way.
fn given_back<T>(offered: Result<(), TrySendError<T>>) -> Result<(), T> {
    match offered {
        Err(TrySendError::Full(value)) => Err(value.into_inner()),
        Ok(()) | Err(TrySendError::Stopped(_)) => Ok(()),
    }
}

impl<T: Clone + Send + 'static> Actor for Topic<T> {
    type Msg = TopicMsg<T>;

    async fn handle(&mut self, msg: TopicMsg<T>, ctx: &mut Context<Self>) -> Result {
        match msg {
            TopicMsg::Publish(value) => {
                if self.keeps_last {
                    self.last = Some(value.clone());
                }
                self.send(value, None, ctx).await;
            }
            TopicMsg::Subscribe(subscription) => self.subscribe(subscription, ctx).await?,
            TopicMsg::Unsubscribe(id) => self.unsubscribe(id),
            TopicMsg::Last(reply) => reply.send(self.last.clone()),
            TopicMsg::Subscribers(reply) => reply.send(
                self.subscribers
                    .iter()
                    .map(|(id, subscriber)| SubscriberInfo {
                        id: *id,
                        slow: subscriber.slow,
                        dropped: subscriber.dropped.load(Ordering::Relaxed),
                    })
                    .collect(),
            ),
        }
        Ok(())
    }

    /// If somebody else ends a courier, the subscription ends with it.
    async fn on_child_exit(&mut self, exit: ChildExit, _: &mut Context<Self>) -> Result {
        let is_its = |courier: &ActorRef<T>| courier.id() == exit.id();
        let ended = self
            .subscribers
            .iter()
            .find(|(_, it)| it.courier.as_ref().is_some_and(is_its));
        if let Some(id) = ended.map(|(id, _)| *id) {
            self.unsubscribe(id);
        }
        exit.into_result()
    }

    async fn on_drain(&mut self, _: &mut Context<Self>) -> Result {
        self.is_last_call.cancel();
        Ok(())
    }

    fn label(msg: &TopicMsg<T>) -> &'static str {
        match msg {
            TopicMsg::Publish(_) => "Publish",
            TopicMsg::Subscribe(_) => "Subscribe",
            TopicMsg::Unsubscribe(_) => "Unsubscribe",
            TopicMsg::Last(_) => "Last",
            TopicMsg::Subscribers(_) => "Subscribers",
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Topic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic")
            .field("subscribers", &self.subscribers.len())
            .finish_non_exhaustive()
    }
}
