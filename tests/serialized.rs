//! The serialized form of a snapshot is a contract with those who read it elsewhere.

mod common;

use std::time::Duration;

use common::node::{Msg, Node, hold};
use common::{Log, paused};
use serde_json::Value;
use tenure::observe::{Groups, Snapshot, Verdict};
use tenure::prelude::*;

#[test]
fn snapshot_comes_back_as_it_was_and_says_its_units() {
    paused(async |check| {
        let system = System::builder().name("shop").timings().start().unwrap();
        let node = Node::new(&check, &Log::default());
        let spec = node.named("<b>till</b >".replace('/', "").as_str());
        let till = system.spawn(spec.grace(Duration::from_secs(5))).unwrap();
        let gate = hold(&till).await;
        let asker = till.clone();
        let asks = async move { asker.ask(Msg::Ping).await };
        drop(
            system
                .task(tenure::TaskSpec::new(asks).name("asks"))
                .unwrap(),
        );
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        till.request_drain();
        tokio::time::sleep(Duration::from_millis(500)).await;

        let snapshot = system.snapshot();
        let text = serde_json::to_string(&snapshot).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["version"], 1);
        let till = &value["nodes"][1];
        assert_eq!(till["path"], "shop:/<b>till<b >");
        assert_eq!(
            (&till["kind"], &till["phase"]),
            (&"actor".into(), &"stopping".into())
        );
        let verdict = &till["verdict"];
        assert_eq!(verdict["word"], "stopping");
        assert!(
            verdict["sentence"]
                .as_str()
                .unwrap()
                .starts_with("stopping for ")
        );
        assert_eq!(till["order"]["kind"], "drain");
        assert_eq!(till["order"]["by"]["who"], "outside");
        let about = |value: &Value, millis: u64| {
            let millis = millis.saturating_sub(10)..=millis + 10;
            assert!(millis.contains(&value.as_u64().unwrap()), "{value}");
        };
        about(&till["grace"]["used_ms"], 500);
        about(&till["grace"]["left_ms"], 4_500);
        about(&till["handling_for_ms"], 2_000);
        about(&till["age_ms"], 2_000);
        let asks = &value["nodes"][2];
        assert_eq!(asks["verdict"]["word"], "waiting");
        assert_eq!(asks["waits"][0]["kind"], "reply");
        about(&asks["waits"][0]["for_ms"], 2_000);
        about(&till["mailbox"]["oldest_for_ms"], 2_000);
        let times = &value["times"][0];
        assert!(times["type_name"].as_str().unwrap().ends_with("Node"));
        // One message has been begun, and its handler has not ended.
        assert_eq!(times["in_mailbox"]["buckets"][0], 1);
        assert_eq!(times["in_handler"]["sum_ns"], 0);

        comes_back(&snapshot, &text, &value);
        gate.open();
        system.stop().await.unwrap();
    });
}

fn comes_back(snapshot: &Snapshot, text: &str, value: &Value) {
    let back: Snapshot = serde_json::from_str(text).unwrap();
    assert_eq!(back.nodes[0].id, snapshot.nodes[0].id);
    assert_eq!(serde_json::to_value(&back).unwrap(), *value);
    let groups: Groups = {
        let text = serde_json::to_string(&snapshot.groups()).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    assert_eq!(groups.groups.len(), back.groups().groups.len());
    assert!(matches!(back.nodes[1].verdict, Verdict::Stopping { .. }));
    // A reader does not mind fields that it does not know.
    let more = text.replacen("\"version\":1", "\"version\":1,\"added\":[1]", 1);
    serde_json::from_str::<Snapshot>(&more).unwrap();
}
