use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::http::{Counter, HttpStats};

/// The counters of HTTP servers as metrics: see [`metrics`](super#of-an-http-server).
#[derive(Default)]
pub struct HttpMetrics {
    servers: Vec<(String, Arc<HttpStats>)>,
}

impl HttpMetrics {
    /// A collector without servers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a server, under a name of its own that tells it from the others of the program.
    #[must_use]
    pub fn server(mut self, name: impl Into<String>, stats: &Arc<HttpStats>) -> Self {
        self.servers.push((name.into(), Arc::clone(stats)));
        self
    }
}

impl Collector for HttpMetrics {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        type Of = fn(&HttpStats) -> &Counter;
        let gauges: [(&str, &str, Of); 2] = [
            (
                "tenure_http_connections_open",
                "Connections that are open",
                |of| &of.open,
            ),
            (
                "tenure_http_requests_in_flight",
                "Requests that are being served",
                |of| &of.in_flight,
            ),
        ];
        for (name, help, of) in gauges {
            let mut family = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (server, stats) in &self.servers {
                let labels = [("server", server.as_str())];
                ConstGauge::new(of(stats).get()).encode(family.encode_family(&labels)?)?;
            }
        }
        let counters: [(&str, &str, Of); 3] = [
            (
                "tenure_http_connections_accepted",
                "Connections that were accepted",
                |of| &of.accepted,
            ),
            (
                "tenure_http_connections_upgraded",
                "Connections that were upgraded",
                |of| &of.upgraded,
            ),
            (
                "tenure_http_requests",
                "Requests whose head was understood",
                |of| &of.requests,
            ),
        ];
        for (name, help, of) in counters {
            let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (server, stats) in &self.servers {
                family
                    .encode_family(&[("server", server.as_str())])?
                    .encode_counter::<NoLabelSet, _, u64>(&of(stats).get(), None)?;
            }
        }
        let name = "tenure_http_troubles";
        let help = "What went wrong with connections and requests";
        let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (server, stats) in &self.servers {
            for (kind, counter) in troubles(stats) {
                family
                    .encode_family(&[("server", server.as_str()), ("kind", kind)])?
                    .encode_counter::<NoLabelSet, _, u64>(&counter.get(), None)?;
            }
        }
        Ok(())
    }
}

/// The counters of troubles, with their names in [`HttpStats`].
fn troubles(stats: &HttpStats) -> [(&'static str, &Counter); 17] {
    [
        ("refused", &stats.refused),
        ("accept_errors", &stats.accept_errors),
        ("abandoned", &stats.abandoned),
        ("bad_heads", &stats.bad_heads),
        ("heads_too_large", &stats.heads_too_large),
        ("slow_heads", &stats.slow_heads),
        ("bad_bodies", &stats.bad_bodies),
        ("bodies_too_large", &stats.bodies_too_large),
        ("slow_bodies", &stats.slow_bodies),
        ("timed_out", &stats.timed_out),
        ("failed", &stats.failed),
        ("silent", &stats.silent),
        ("stalled", &stats.stalled),
        ("idle", &stats.idle),
        ("protocol_errors", &stats.protocol_errors),
        ("tls_errors", &stats.tls_errors),
        ("cut_at_shutdown", &stats.cut_at_shutdown),
    ]
}

impl fmt::Debug for HttpMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.servers.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}
