use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many payloads in a row may panic with another payload when they are dropped.
const MOST_PAYLOADS: usize = 8;

/// The message of a panic. Drops the payload, which is a user's value and may panic with another payload, and so on.
/// After too many, the payload is leaked.
pub(crate) fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let message = panic_text(&*payload);
    let mut next = payload;
    for _ in 0..MOST_PAYLOADS {
        match catch_unwind(AssertUnwindSafe(|| drop(next))) {
            Ok(()) => return message,
            Err(again) => next = again,
        }
    }
    tracing::error!(
        name: "tenure.panic",
        panic = message,
        "the payload of a panic panics whenever it is dropped: it is leaked"
    );
    std::mem::forget(next);
    message
}

/// The message of a panic whose payload is still needed.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| String::from("(a payload that is not text)"))
}
