use std::collections::HashSet;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;

use super::IntoChild;
use super::start::start_at;
use crate::actor::{Actor, Context, Spawner};
use crate::error::{Result, StartError};

/// Starts one child, and waits until its start has returned.
type StartChild = Box<dyn FnOnce(&Spawner) -> Started + Send>;
type Started = Pin<Box<dyn Future<Output = Result> + Send>>;

/// An actor that only has children, such as the root of a service that needs no code of its own.
///
/// It starts them in the order in which they were added, each once the start of the one before has returned, and stops
/// them in reverse order, as any owner does. They find each other by name ([`Spawner::lookup`]). If a start fails, the
/// start of the group fails, and the other children are stopped. If a child fails later, the group fails, unless the
/// child's spec restarts or contains it. The group ends when somebody tells it to, or with its
/// [significant](crate::ChildSpec::significant) children if its spec says so.
///
/// ```
/// use tenure::prelude::*;
///
/// # #[derive(Clone)]
/// struct Store;
/// # impl Actor for Store {
/// #     type Msg = ReplyTo<u32>;
/// #     async fn handle(&mut self, reply: ReplyTo<u32>, _: &mut Context<Self>) -> tenure::Result {
/// #         reply.send(7);
/// #         Ok(())
/// #     }
/// # }
/// struct Server;
///
/// impl Actor for Server {
///     type Msg = std::convert::Infallible; // nobody can send it anything
///
///     async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
///         let store = ctx.lookup::<ReplyTo<u32>>("store")?;
///         assert_eq!(store.ask(|reply| reply).await?, 7);
///         ctx.stop(); // served
///         Ok(())
///     }
///
///     async fn handle(&mut self, msg: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
///         match msg {}
///     }
/// }
///
/// fn main() -> Result<(), RunError> {
///     let service = Group::new()
///         .with(ChildSpec::new(Store).name("store").restart(Restart::OnFailure))
///         .with(ChildSpec::new(Server).name("server").significant());
///     // The service ends with its server.
///     System::block_on(ChildSpec::new(service).auto_shutdown(tenure::AutoShutdown::Any))
/// }
/// ```
#[derive(Default)]
pub struct Group {
    children: Vec<Member>,
}

struct Member {
    name: Option<Box<str>>,
    start: StartChild,
}

impl Group {
    /// A group without children. Starting it without any fails.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a child: an actor, the recipe of one, or a [`ChildSpec`](crate::ChildSpec). Two children with the same name
    /// fail the start of the group before any child is started.
    #[track_caller]
    #[must_use]
    pub fn with<C: IntoChild>(mut self, child: C) -> Self {
        self.add(child, Location::caller());
        self
    }

    /// How many children it is to start.
    #[must_use]
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Whether it has no children to start.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    fn add<C: IntoChild>(&mut self, child: C, site: &'static Location<'static>) {
        let spec = child.into_spec();
        let name = spec.child_name().map(Into::into);
        let start: StartChild = Box::new(move |owner| {
            let starting = start_at(owner, spec, site);
            Box::pin(async move {
                match starting.await {
                    Ok(_) => Ok(()),
                    Err(StartError::Refused(refused)) => Err(refused.to_string().into()),
                    Err(StartError::Failed(failure)) => Err(failure.into()),
                    Err(other) => Err(other.into()),
                }
            })
        });
        self.children.push(Member { name, start });
    }

    /// Checks that it can be started.
    fn check(&self) -> Result {
        if self.is_empty() {
            return Err("a group needs at least one child".into());
        }
        let mut known = HashSet::new();
        let mut names = self
            .children
            .iter()
            .filter_map(|child| child.name.as_deref());
        match names.find(|name| !known.insert(*name)) {
            Some(twice) => Err(format!("two children of a group have the name {twice:?}").into()),
            None => Ok(()),
        }
    }
}

impl Actor for Group {
    type Msg = Infallible;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> Result {
        self.check()?;
        for child in std::mem::take(&mut self.children) {
            let started = (child.start)(ctx).await;
            started.map_err(|error| match child.name {
                // A failure already names its node.
                Some(name) if error.failure().is_none() => format!("{name}: {error}").into(),
                _ => error,
            })?;
        }
        Ok(())
    }

    async fn handle(&mut self, msg: Infallible, _: &mut Context<Self>) -> Result {
        match msg {}
    }
}

impl<C: IntoChild> Extend<C> for Group {
    #[track_caller]
    fn extend<I: IntoIterator<Item = C>>(&mut self, children: I) {
        let site = Location::caller();
        for child in children {
            self.add(child, site);
        }
    }
}

impl<C: IntoChild> FromIterator<C> for Group {
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = C>>(children: I) -> Self {
        let mut group = Self::new();
        group.extend(children);
        group
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.children.iter().map(|child| child.name.as_deref());
        f.debug_list().entries(names).finish()
    }
}
