//! A shop with troubles of every sort, and the page on which they show: `http://127.0.0.1:3000`.
//!
//! The tree: `/root`, a group, owns `dashboard`, which starts first and so stops last, and the shop. In the
//! shop sessions pile up in a list that nobody clears, and drafts of which nobody has a reference; three senders are
//! faster than the mailer; two ask each other until a limit ends it; a checkout fails now and then. And it can be made
//! worse:
//!
//! ```text
//! curl -X POST http://127.0.0.1:3001/stick    # the clerk blocks its thread for ten seconds
//! curl -X POST http://127.0.0.1:3001/stop     # the warehouse is to end, and something in it takes its time
//! ```

mod server;
mod shop;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use tenure::prelude::*;
use tenure_actors::dashboard::{DashboardOptions, LetterLog};

use server::Server;
use shop::clerk::{Clerk, ClerkMsg};
use shop::customers::Customers;
use shop::mailer::Mailer;
use shop::quarrel::Quarrel;
use shop::sessions::Sessions;
use shop::warehouse::Warehouse;

fn main() -> tenure::Result {
    tracing_subscriber::fmt().with_target(false).init();
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let letters = LetterLog::new();
    let dashboard = DashboardOptions::new()
        .bind(([127, 0, 0, 1], port))
        .letters(&letters);
    // The shop listens on the next port, or on any free one.
    let shop_port = if port == 0 { 0 } else { port + 1 };
    let shop = Group::new()
        .with(dashboard.spec())
        .with(
            ChildSpec::new(Server {
                port: shop_port,
                routes,
            })
            .name("http"),
        )
        .with(ChildSpec::new(Clerk).name("clerk"))
        .with(ChildSpec::new(Sessions::default()).name("sessions"))
        .with(
            ChildSpec::new(Mailer)
                .name("mailer")
                .mailbox(Mailbox::bounded(8)),
        )
        .with(ChildSpec::new(Quarrel::with("bob", true)).name("alice"))
        .with(ChildSpec::new(Quarrel::with("alice", false)).name("bob"))
        .with(ChildSpec::new(Warehouse).name("warehouse"))
        .with(ChildSpec::new(Customers).name("customers"));
    System::builder()
        .name("shop")
        .timings()
        .on_signals()
        .on_dead_letter(letters.hook())
        .block_on(shop)?;
    println!("everything is joined");
    Ok(())
}

fn routes(beside: Spawner) -> Router {
    Router::new()
        .route("/stick", post(stick))
        .route("/stop", post(stop))
        .with_state(beside)
}

async fn stick(State(beside): State<Spawner>) -> Result<StatusCode, StatusCode> {
    let clerk = beside
        .lookup::<ClerkMsg>("clerk")
        .map_err(|_| StatusCode::GONE)?;
    let told = clerk.tell(ClerkMsg::Block).await;
    told.map_err(|_| StatusCode::GONE)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn stop(State(beside): State<Spawner>) -> Result<StatusCode, StatusCode> {
    let warehouse = beside
        .lookup::<()>("warehouse")
        .map_err(|_| StatusCode::GONE)?;
    warehouse.request_stop();
    Ok(StatusCode::NO_CONTENT)
}
