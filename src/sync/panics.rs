use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How often the payload of a panic may panic with another when it is dropped.
const MOST_PAYLOADS: usize = 8;

/// What a panic said. Its payload is the user's, and may panic when it is dropped: with another payload,
/// which may do so in turn. What does so without end is leaked.
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

/// What a panic said, for a payload that is still needed.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| String::from("(a payload that is not text)"))
}
