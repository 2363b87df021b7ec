use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::AppState;
use super::refused::Refused;
use crate::store::StoreMsg;

/// How many requests were refused, by reason.
#[derive(Default)]
pub(super) struct Counters {
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl Counters {
    pub(super) fn add(&self, reason: &'static str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(reason).or_default() += 1;
    }

    fn refused(&self) -> BTreeMap<&'static str, u64> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.clone()
    }
}

/// The counts of `jobs` are since the store was made, the others since the service was started.
pub(super) async fn stats(State(app): AppState) -> Result<Json<Value>, Refused> {
    let totals = app.store.ask(StoreMsg::Totals).await??;
    let http = &app.http;
    Ok(Json(json!({
        "jobs": totals,
        "refused": app.counters.refused(),
        "http": {
            "requests": http.requests.get(),
            "in_flight": http.in_flight.get(),
            "abandoned": http.abandoned.get(),
            "bodies_too_large": http.bodies_too_large.get(),
            "slow_bodies": http.slow_bodies.get(),
            "bad_bodies": http.bad_bodies.get(),
            "timed_out": http.timed_out.get(),
            "failed": http.failed.get(),
        },
    })))
}
