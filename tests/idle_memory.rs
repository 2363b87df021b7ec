//! How much memory an idle actor keeps.
//!
//! This is the only test of its program: nothing else allocates meanwhile.

mod common;

use std::fs;

use tenure::prelude::*;

/// Resident bytes for an idle plain actor, with the only reference to it.
const BAR: u64 = 800;

const ACTORS: u64 = 100_000;

struct Idle;

impl Actor for Idle {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, _ctx: &mut Context<Self>) -> tenure::Result {
        reply.send(());
        Ok(())
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn an_idle_actor_keeps_little_memory() {
    let runtime = common::current_thread();
    runtime.block_on(async {
        let system = System::start().unwrap();
        let mut actors = Vec::with_capacity(ACTORS as usize);
        let before = resident();
        actors.extend((0..ACTORS).map(|_| system.spawn(Idle).unwrap()));
        // They are started one after the other: when the last one replies, all are idle.
        actors.last().unwrap().ask(|reply| reply).await.unwrap();
        let each = (resident() - before) / ACTORS;
        println!("{each} resident bytes for each idle actor");
        assert!(
            each <= BAR,
            "{each} bytes, and at most {BAR} are meant to be"
        );
        system.stop().await.unwrap();
        assert!(actors.iter().all(ActorRef::is_stopped));
    });
}

fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}
