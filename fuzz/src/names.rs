//! Names and paths: an invalid name is refused and given back, a valid one is found again, and a path leads to a node
//! or nowhere.

use tenure::prelude::*;
use tenure::{LookupError, System};

struct Idle;

impl Actor for Idle {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// The first line is the name of a system, the second that of a child, and the third a path.
///
/// # Panics
///
/// If the promise does not hold.
pub fn holds(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.splitn(3, '\n').map(str::to_owned);
    let mut line = || lines.next().unwrap_or_default();
    let (system, name, path) = (line(), line(), line());
    super::runtime().block_on(async {
        let system = System::builder().name(system).start();
        let system = system.expect("a system takes any name");
        is_refused_or_found(&system, name).await;
        leads_to_a_node_or_nowhere(&system, &path).await;
        system.stop().await.expect("nothing holds it up");
    });
}

async fn is_refused_or_found(system: &System, name: String) {
    let is_name = !name.is_empty() && !name.contains('/');
    let actor = match system.spawn(ChildSpec::new(Idle).name(name.clone())) {
        Ok(actor) => actor,
        Err(SpawnError::BadName(_)) => return assert!(!is_name, "{name:?} was refused"),
        Err(other) => panic!("{name:?}: {other}"),
    };
    assert!(is_name, "{name:?} was taken");
    let found = [system.child(&name), system.find(&format!("/{name}"))];
    for found in found {
        assert_eq!(found.map(|node| node.id()), Some(actor.id()), "{name:?}");
    }
    assert!(
        system
            .snapshot()
            .to_string()
            .contains(&name.escape_debug().to_string())
            || !is_plain(&name)
    );
    let again = system.spawn(ChildSpec::new(Idle).name(name.clone()));
    assert!(matches!(again, Err(SpawnError::NameTaken(_))), "{name:?}");
    actor.stop().await.expect("nothing holds it up");
    assert!(system.child(&name).is_none(), "{name:?}");
}

/// Whether printing the name does not change it.
fn is_plain(name: &str) -> bool {
    name.chars().all(|char| char.is_ascii_alphanumeric()) && name.len() < 50
}

async fn leads_to_a_node_or_nowhere(system: &System, path: &str) {
    let actor = system
        .spawn(ChildSpec::new(Idle).name("a"))
        .expect("the name is free");
    if let Some(found) = system.find(path) {
        let known = [system.node().id(), actor.id()];
        assert!(known.contains(&found.id()), "{path:?} leads to {found:?}");
    }
    match system.lookup::<()>(path) {
        Ok(found) => assert_eq!(found.id(), actor.id()),
        Err(LookupError::NotFound) => assert_ne!(path, "a"),
        // The path is that of the system itself, which takes no messages.
        Err(other) => assert_ne!(path, "a", "{other}"),
    }
}
