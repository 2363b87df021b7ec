//! What is alive, and what is wrong with it.
//!
//! A shop with four faults: an actor that nobody can reach any more, one that blocks its thread, two that wait for each
//! other through a lock that the crate cannot see, and one whose mailbox is full. A watchdog names each of the five actors.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use tenure::observe::{Alarm, AlarmKind, Watchdog};
use tenure::prelude::*;

/// Keeps a weak reference to itself, which does not count as one by which it could be reached.
struct Session {
    _me: Option<tenure::WeakRef<()>>,
}

impl Actor for Session {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        self._me = Some(ctx.me_weak());
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// Sums up, and blocks its thread meanwhile.
struct Report {
    is_over: Receiver<()>,
}

enum ReportMsg {
    SumUp,
}

impl Actor for Report {
    type Msg = ReportMsg;

    async fn handle(&mut self, msg: ReportMsg, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            // The fault: this blocks a thread that all others need, too.
            ReportMsg::SumUp => self
                .is_over
                .recv_timeout(Duration::from_secs(60))
                .unwrap_or_default(),
        }
        Ok(())
    }

    fn label(msg: &ReportMsg) -> &'static str {
        match msg {
            ReportMsg::SumUp => "SumUp",
        }
    }
}

/// Moves money between two accounts, each behind a lock of tokio's.
struct Transfer {
    first: Arc<tokio::sync::Mutex<i64>>,
    second: Arc<tokio::sync::Mutex<i64>>,
    both_have_one: Arc<tokio::sync::Barrier>,
}

enum TransferMsg {
    Move(i64),
}

impl Actor for Transfer {
    type Msg = TransferMsg;

    async fn handle(
        &mut self,
        TransferMsg::Move(sum): TransferMsg,
        _: &mut Context<Self>,
    ) -> tenure::Result {
        // The fault: the two take the locks in different orders.
        let mut from = self.first.lock().await;
        self.both_have_one.wait().await;
        let mut to = self.second.lock().await;
        *from -= sum;
        *to += sum;
        Ok(())
    }

    fn label(_: &TransferMsg) -> &'static str {
        "Move"
    }
}

/// Writes slowly what it is sent quickly.
struct Archive;

struct Line(u32);

impl Actor for Archive {
    type Msg = Line;

    async fn handle(&mut self, line: Line, _: &mut Context<Self>) -> tenure::Result {
        // The fault: a line takes much longer to write than to send.
        tokio::time::sleep(Duration::from_secs(u64::from(line.0) + 60)).await;
        Ok(())
    }

    fn label(_: &Line) -> &'static str {
        "Line"
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let (send, alarms) = channel();
    let limit = Duration::from_millis(200);
    let watchdog = Watchdog::new()
        .poll(limit)
        .handler(limit)
        .full(limit)
        .unreachable(limit)
        .on_alarm(move |alarm| send.send(alarm.clone()).unwrap_or_default());
    let begin = Instant::now();
    let (system, goes_on) = runtime.block_on(open(watchdog))?;

    let mut wanted = HashSet::from([
        (AlarmKind::Unreachable, String::from("Session")),
        (AlarmKind::StuckPoll, String::from("/report")),
        (AlarmKind::LongHandler, String::from("/debit")),
        (AlarmKind::LongHandler, String::from("/credit")),
        (AlarmKind::FullMailbox, String::from("/archive")),
    ]);
    while !wanted.is_empty() {
        let alarm = alarms.recv_timeout(Duration::from_secs(10))?;
        let known = wanted.len();
        wanted.retain(|(kind, path)| !is_of(&alarm, *kind, path));
        if wanted.len() < known {
            println!("{alarm}");
        }
    }
    println!("all found after {} ms", begin.elapsed().as_millis());
    println!("\n{}", system.snapshot());
    println!("{}", system.snapshot().groups());

    drop(goes_on);
    runtime.block_on(async { system.kill().await })?;
    Ok(())
}

fn is_of(alarm: &Alarm, kind: AlarmKind, path: &str) -> bool {
    alarm.kind == kind && alarm.node.path.contains(path)
}

/// Starts the shop, and with it all that is wrong.
async fn open(watchdog: Watchdog) -> Result<(System, Sender<()>), Box<dyn std::error::Error>> {
    let system = System::builder().name("shop").watchdog(watchdog).start()?;

    // The reference is dropped, and the session has nothing that could wake it.
    drop(system.spawn(Session { _me: None })?);

    let (goes_on, is_over) = channel();
    let report = system.spawn(ChildSpec::new(Report { is_over }).name("report"))?;

    let accounts = [0, 0].map(|sum| Arc::new(tokio::sync::Mutex::new(sum)));
    let both_have_one = Arc::new(tokio::sync::Barrier::new(2));
    for (name, first, second) in [("debit", 0, 1), ("credit", 1, 0)] {
        let transfer = Transfer {
            first: Arc::clone(&accounts[first]),
            second: Arc::clone(&accounts[second]),
            both_have_one: Arc::clone(&both_have_one),
        };
        let transfer = system.spawn(ChildSpec::new(transfer).name(name))?;
        transfer
            .tell(TransferMsg::Move(5))
            .await
            .map_err(|_| "it is closed")?;
    }

    let spec = ChildSpec::new(Archive)
        .name("archive")
        .mailbox(Mailbox::bounded(2));
    let archive = system.spawn(spec)?;
    system.task(async move {
        for number in 0..10 {
            archive.tell(Line(number)).await?;
        }
        tenure::Ok(())
    })?;
    report
        .tell(ReportMsg::SumUp)
        .await
        .map_err(|_| "it is closed")?;
    Ok((system, goes_on))
}
