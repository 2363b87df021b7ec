//! A topic: every subscriber gets what is published, and a slow one does not hold up the others.
//!
//! Readings come every 5 ms. The log gets all of them. The display is slow and only shows the newest, so the topic
//! keeps just the last one for it. It ends before the readings do, and is removed from the list of subscribers.

use std::time::Duration;

use tenure::prelude::*;
use tenure_actors::pubsub::{Slow, Subscription, TopicMsg, TopicOptions};
use tokio::time::sleep;

#[derive(Clone, Copy)]
struct Reading(u32);

/// Counts its readings, and prints how many there were.
struct Log(u32);

impl Actor for Log {
    type Msg = Reading;

    async fn handle(&mut self, _: Reading, _ctx: &mut Context<Self>) -> tenure::Result {
        self.0 += 1;
        Ok(())
    }

    async fn on_stop(&mut self, _ctx: &mut Context<Self>) -> tenure::Result {
        println!("the log has {} readings", self.0);
        Ok(())
    }
}

struct Display;

impl Actor for Display {
    type Msg = Reading;

    async fn handle(
        &mut self,
        Reading(number): Reading,
        _ctx: &mut Context<Self>,
    ) -> tenure::Result {
        println!("display: {number}");
        sleep(Duration::from_millis(50)).await;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), RunError> {
    tenure::scope(async |scope| {
        let log = scope.spawn(Log(0))?;
        let display = scope.spawn(ChildSpec::new(Display).mailbox(Mailbox::bounded(1)))?;
        let topic = scope.spawn(TopicOptions::new().keep_last().spec().name("readings"))?;
        topic
            .tell(TopicMsg::Subscribe(Subscription::new(log.recipient())))
            .await?;
        let newest = Subscription::new(display.recipient()).slow(Slow::DropOldest(1));
        topic.tell(TopicMsg::Subscribe(newest)).await?;

        // Whoever has this recipient can publish, and do nothing else.
        let readings: Recipient<Reading> = topic.recipient();
        for number in 1..=60 {
            readings.tell(Reading(number)).await?;
            if number == 40 {
                display.stop().await?;
                println!("the display is gone");
            }
            sleep(Duration::from_millis(5)).await;
        }
        let subscribers = topic.ask(TopicMsg::Subscribers).await?;
        println!("subscribers at the end: {}", subscribers.len());
        Ok(())
    })
    .await
}
