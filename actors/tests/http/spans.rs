//! With `spans`, each request has a span.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Metadata, Subscriber};

use crate::harness::{MILLIS, serving_with};

/// The spans named `request` of this thread, and the events within them.
#[derive(Clone, Default)]
struct Requests(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The fields of each span, and whether it is closed; `None` for other spans.
    spans: Vec<Option<(String, bool)>>,
    entered: Vec<Id>,
    /// Each event, with the fields of its request's span at that moment.
    told: Vec<(String, String)>,
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

fn place(id: &Id) -> usize {
    usize::try_from(id.into_u64()).unwrap() - 1
}

impl Requests {
    /// The fields of the spans that are closed.
    fn closed(&self) -> Vec<String> {
        let state = self.0.lock().unwrap();
        let closed = state.spans.iter().flatten().filter(|(_, closed)| *closed);
        closed.map(|(fields, _)| fields.clone()).collect()
    }
}

impl Subscriber for Requests {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut state = self.0.lock().unwrap();
        let is_ours = span.metadata().name() == "request";
        let fields = is_ours.then(|| {
            assert!(span.is_root());
            let mut fields = String::new();
            span.record(&mut Fields(&mut fields));
            (fields, false)
        });
        state.spans.push(fields);
        Id::from_u64(state.spans.len() as u64)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        if let Some((fields, _)) = &mut self.0.lock().unwrap().spans[place(id)] {
            values.record(&mut Fields(fields));
        }
    }

    fn event(&self, event: &Event<'_>) {
        let mut state = self.0.lock().unwrap();
        let mut text = String::new();
        event.record(&mut Fields(&mut text));
        let mut within = state.entered.iter().rev();
        let within = within.find_map(|id| state.spans[place(id)].clone());
        state.told.push((text, within.unwrap_or_default().0));
    }

    fn enter(&self, id: &Id) {
        self.0.lock().unwrap().entered.push(id.clone());
    }

    fn exit(&self, id: &Id) {
        let mut state = self.0.lock().unwrap();
        assert_eq!(state.entered.pop().as_ref(), Some(id));
    }

    fn try_close(&self, id: Id) -> bool {
        if let Some((_, is_closed)) = &mut self.0.lock().unwrap().spans[place(&id)] {
            *is_closed = true;
        }
        true
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
}

const CLOSE: &str = "host: x\r\nconnection: close\r\n\r\n";

#[test]
fn span_has_the_request_and_its_status_and_what_its_handler_tells() {
    let requests = Requests::default();
    with_default(requests.clone(), || {
        serving_with(
            |_| {},
            |serve| serve.spans(),
            async |http| {
                for line in [
                    "GET /?secret=1 HTTP/1.1\r\n",
                    "GET /panic HTTP/1.1\r\n",
                    "GET /elsewhere HTTP/1.1\r\n",
                    "POST /length HTTP/1.1\r\ncontent-length: 999999999\r\n",
                ] {
                    http.exchange(format!("{line}{CLOSE}")).await;
                }
                http.until("all are over", |http| http.stats.open.get() == 0)
                    .await;
            },
        );
    });
    let closed = requests.closed();
    assert_eq!(closed.len(), 4, "{closed:#?}");
    let expected = [
        ("GET", "/", 200),
        ("GET", "/panic", 500),
        ("GET", "/elsewhere", 404),
        ("POST", "/length", 413),
    ];
    for (fields, (method, path, status)) in closed.iter().zip(expected) {
        for field in [
            format!("http.request.method=\"{method}\" "),
            format!("url.path=\"{path}\" "),
            format!("http.response.status_code={status} "),
            "client.address=127.0.0.1 ".to_owned(),
            "otel.kind=\"server\" ".to_owned(),
        ] {
            assert!(fields.contains(&field), "no {field}in {fields}");
        }
        assert!(!fields.contains("secret"), "{fields}");
    }
    let told = &requests.0.lock().unwrap().told;
    let panicked = told.iter().find(|(text, _)| text.contains("it panics"));
    assert!(
        panicked.is_some_and(|(_, within)| within.contains("/panic")),
        "{told:?}"
    );
}

#[test]
fn request_that_is_given_up_closes_its_span_without_a_status() {
    let requests = Requests::default();
    with_default(requests.clone(), || {
        serving_with(
            |_| {},
            |serve| serve.spans(),
            async |http| {
                let mut client = http.connect().await;
                client.send("GET /hang HTTP/1.1\r\nhost: x\r\n\r\n").await;
                http.until("it is handled", |http| http.handling.get() == 1)
                    .await;
                drop(client);
                http.until("it is over", |http| http.stats.open.get() == 0)
                    .await;
                tokio::time::sleep(MILLIS).await;
            },
        );
    });
    let closed = requests.closed();
    assert_eq!(closed.len(), 1, "{closed:?}");
    assert!(!closed[0].contains("status_code"), "{closed:?}");
}

#[test]
fn no_span_is_made_if_none_is_asked_for() {
    let requests = Requests::default();
    with_default(requests.clone(), || {
        serving_with(
            |_| {},
            |serve| serve,
            async |http| {
                http.exchange(format!("GET / HTTP/1.1\r\n{CLOSE}")).await;
            },
        );
    });
    assert!(requests.0.lock().unwrap().spans.iter().all(Option::is_none));
}
