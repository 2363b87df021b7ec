//! Names and paths of any text: an invalid name is refused and given back, and a node with a valid one is found by it.

mod common;

use common::paused_runtime;
use proptest::prelude::*;
use tenure::prelude::*;
use tenure::{LookupError, System};

struct Idle;

impl Actor for Idle {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// Texts of characters that have a meaning in paths, and of any others.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-c]{1,2}",
        3 => Just(String::from("/")),
        1 => Just(String::from("..")),
        1 => Just(String::from(":")),
        2 => any::<String>(),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn name_is_refused_or_found_again(name in text(), system_name in text()) {
        paused_runtime().block_on(async {
            let system = System::builder().name(system_name).start().unwrap();
            let spawned = system.spawn(ChildSpec::new(Idle).name(name.clone()));
            let is_name = !name.is_empty() && !name.contains('/');
            match spawned {
                Ok(actor) => {
                    assert!(is_name, "{name:?} was taken");
                    assert_eq!(system.child(&name).map(|node| node.id()), Some(actor.id()));
                    assert_eq!(system.lookup::<()>(&name).unwrap().id(), actor.id());
                    assert_eq!(system.find(&format!("/{name}")).map(|node| node.id()), Some(actor.id()));
                    let again = system.spawn(ChildSpec::new(Idle).name(name.clone()));
                    assert!(matches!(again, Err(SpawnError::NameTaken(_))));
                    actor.stop().await.unwrap();
                    assert!(system.child(&name).is_none());
                }
                Err(SpawnError::BadName(_)) => assert!(!is_name, "{name:?} was refused"),
                Err(other) => panic!("{name:?}: {other}"),
            }
            system.stop().await.unwrap();
        });
    }

    #[test]
    fn path_leads_to_a_node_or_nowhere(path in text(), name in "[a-c]{1,2}") {
        paused_runtime().block_on(async {
            let system = System::start().unwrap();
            let actor = system.spawn(ChildSpec::new(Idle).name(name.clone())).unwrap();
            if let Some(found) = system.find(&path) {
                let is_root = found.id() == system.node().id();
                assert!(is_root || found.id() == actor.id(), "{path:?} leads to {found:?}");
            }
            match system.lookup::<()>(&path) {
                Ok(found) => assert_eq!(found.id(), actor.id()),
                Err(LookupError::NotFound) => assert_ne!(path, name),
                // The path is that of the system itself, which takes no messages.
                Err(other) => assert_ne!(path, name, "{other}"),
            }
            system.stop().await.unwrap();
        });
    }
}
