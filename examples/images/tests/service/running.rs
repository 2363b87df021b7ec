//! A service in the test's own process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use images::jobs::Work;
use images::service::{Service, ServiceMsg};
use images::settings::{Limits, Settings};
use images::store::StoreOptions;
use serde_json::Value;
use tenure::prelude::*;
use tenure::testing::Probe;
use tokio::time::{Instant, sleep};

use crate::client::{Answer, LONG, send};
use crate::disk::Disk;

pub(crate) struct Running {
    pub(crate) system: System,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// With its own workers.
    pub(crate) async fn start(disk: &Disk, limits: Limits) -> Self {
        Self::of(service(disk, limits)).await
    }

    /// With a probe in place of the workers: the test does the work.
    pub(crate) async fn with_probe(disk: &Disk, limits: Limits) -> (Self, Probe<Work>) {
        let system = System::start().unwrap();
        // On a busy machine it may take long until work is handed out.
        let probe = Probe::spawn(&system).unwrap().limit(LONG);
        let service = service(disk, limits).with_workers(probe.actor().clone());
        (Self::on(system, service).await, probe)
    }

    pub(crate) async fn of(service: Service) -> Self {
        Self::on(System::start().unwrap(), service).await
    }

    pub(crate) async fn on(system: System, service: Service) -> Self {
        let service = ChildSpec::new(service).name("root");
        let service = system.start(service).await.unwrap();
        let address = service.ask(ServiceMsg::Address).await.unwrap().unwrap();
        Self { system, address }
    }

    pub(crate) async fn post(&self, image: &[u8]) -> Answer {
        send(self.address, "POST", "/jobs", image).await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        send(self.address, "GET", target, b"").await
    }

    pub(crate) async fn delete(&self, target: &str) -> Answer {
        send(self.address, "DELETE", target, b"").await
    }

    pub(crate) async fn job(&self, id: u64) -> Value {
        self.get(&format!("/jobs/{id}")).await.json()
    }

    /// Waits until the job is in this state, and returns it.
    pub(crate) async fn job_that_is(&self, id: u64, state: &str) -> Value {
        let begin = Instant::now();
        loop {
            let job = self.job(id).await;
            if job["state"] == state {
                return job;
            }
            assert!(begin.elapsed() < LONG, "never {state}: {job}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many requests were refused for this reason.
    pub(crate) async fn refused(&self, reason: &str) -> u64 {
        let stats = self.get("/stats").await.json();
        stats["refused"][reason].as_u64().unwrap_or(0)
    }

    pub(crate) async fn http(&self, counter: &str) -> u64 {
        self.get("/stats").await.json()["http"][counter]
            .as_u64()
            .unwrap()
    }

    pub(crate) async fn drain(self) {
        self.system.drain().await.unwrap();
    }
}

pub(crate) fn service(disk: &Disk, limits: Limits) -> Service {
    let settings = Settings {
        address: ([127, 0, 0, 1], 0).into(),
        names: vec!["images.example".to_owned()],
        data: PathBuf::new(), // the disk is in memory
        limits,
    };
    Service::with_store(settings, StoreOptions::with(disk.opener(), limits))
}

/// The next work that is handed out.
pub(crate) async fn next(probe: &mut Probe<Work>) -> Work {
    let work = probe.recv().await;
    work.begin();
    work
}
