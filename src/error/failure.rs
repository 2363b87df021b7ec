use std::collections::HashSet;
use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::{CutShort, Error};

/// What a node's failure began with.
///
/// `Display` says what went wrong but not where: for users, or for a reply. That of [`Failure`] names the node, too.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// A handler, hook, task or body returned this error. An error that carries a refused value is kept as text,
    /// without the value.
    ///
    /// The node's owner and those who wait for its end get the error itself. Later on, only the text of the error and
    /// its sources is kept: the error may hold a reference to the very node that failed, which would keep both for
    /// ever.
    Error(Error),
    /// Code of the node panicked: the handler, a hook, or a destructor.
    Panic(String),
    /// It would have to be restarted more often than its intensity allows
    /// ([`ChildSpec::intensity`](crate::ChildSpec::intensity)).
    TooManyRestarts {
        /// How many restarts were allowed.
        limit: u32,
        /// Within how much time.
        within: Duration,
    },
    /// The node itself did nothing wrong: the failures beneath it have failed it.
    Beneath,
}

/// The failure of a node, with the failures beneath it that caused or accompanied it: a tree of causes, in which each
/// failure appears once.
///
/// `Display` is one line with the node and what went wrong. If the node failed because of what is beneath it, that is
/// the first of the [`leaves`](Failure::leaves), with the number of further ones. `Debug` prints the whole tree, one
/// line for each node. The text of an error is printed as it is, even if it has several lines.
///
/// ```
/// # use tenure::prelude::*;
/// struct Faulty;
/// impl Actor for Faulty {
///     type Msg = ();
///     async fn handle(&mut self, _: (), _: &mut Context<Self>) -> tenure::Result {
///         Err("out of paper".into())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let end = tenure::scope(async |scope| {
///     let printer = scope.spawn(ChildSpec::new(Faulty).name("printer"))?;
///     printer.tell(()).await?;
///     printer.stopped().await;
///     Ok(())
/// })
/// .await;
/// let RunError::Failed(failure) = end.unwrap_err() else { panic!() };
/// let first = failure.leaves().next().unwrap();
/// assert_eq!(first.to_string(), "/printer failed: out of paper");
/// assert_eq!(first.cause().to_string(), "out of paper");
/// # }
/// ```
#[derive(Clone)]
pub struct Failure(Arc<Node>);

struct Node {
    path: String,
    type_name: &'static str,
    cause: Cause,
    beneath: Vec<Failure>,
    cut_short: Vec<CutShort>,
    /// The number of the owner; 0 if it has none.
    owner: u64,
    /// The same failure with errors as text.
    text: OnceLock<Failure>,
    is_text: bool,
}

impl Failure {
    pub(crate) fn new(
        path: String,
        type_name: &'static str,
        cause: Cause,
        beneath: Vec<Self>,
        cut_short: Vec<CutShort>,
    ) -> Self {
        Self(Arc::new(Node {
            path,
            type_name,
            cause,
            beneath,
            cut_short,
            owner: 0,
            text: OnceLock::new(),
            is_text: false,
        }))
    }

    /// The same failure with errors as text. Each text is made once, however many levels pass the failure on. It runs
    /// users' `Display` code. Uses a list, because a tree of causes may be deep (rule 15).
    pub(crate) fn as_text(&self) -> Self {
        let mut pending = vec![self];
        while let Some(next) = pending.last().copied() {
            let before = pending.len();
            pending.extend(
                next.beneath()
                    .iter()
                    .filter(|failure| failure.text().is_none()),
            );
            if pending.len() == before {
                let text = next.make_text();
                next.0.text.get_or_init(|| text);
                pending.pop();
            }
        }
        self.text().unwrap_or(self).clone()
    }

    fn text(&self) -> Option<&Self> {
        if self.0.is_text {
            return Some(self);
        }
        self.0.text.get()
    }

    /// Makes the text of one failure. The texts beneath it are made already.
    fn make_text(&self) -> Self {
        let node = &*self.0;
        let cause = match &node.cause {
            Cause::Error(error) => Cause::Error(error.as_text()),
            Cause::Panic(message) => Cause::Panic(message.clone()),
            Cause::TooManyRestarts { limit, within } => Cause::TooManyRestarts {
                limit: *limit,
                within: *within,
            },
            Cause::Beneath => Cause::Beneath,
        };
        Self(Arc::new(Node {
            path: node.path.clone(),
            type_name: node.type_name,
            cause,
            beneath: node
                .beneath
                .iter()
                .filter_map(Self::text)
                .cloned()
                .collect(),
            cut_short: node.cut_short.clone(),
            owner: node.owner,
            text: OnceLock::new(),
            is_text: true,
        }))
    }

    /// The same as the failure of a child of this owner.
    pub(crate) fn of_child(mut self, owner: u64) -> Self {
        if let Some(node) = Arc::get_mut(&mut self.0) {
            node.owner = owner;
        }
        self
    }

    /// The number of the owner of the node that failed; 0 if it has none.
    pub(crate) fn owner(&self) -> u64 {
        self.0.owner
    }

    /// Removes duplicates, and failures that are also beneath others.
    pub(crate) fn distinct(mut all: Vec<Self>) -> Vec<Self> {
        if all.len() > 1 {
            let mut known = HashSet::new();
            let mut pending: Vec<&Self> = all.iter().flat_map(Self::beneath).collect();
            while let Some(next) = pending.pop() {
                if known.insert(next.address()) {
                    pending.extend(next.beneath());
                }
            }
            all.retain(|failure| known.insert(failure.address()));
        }
        all
    }

    /// The path of the node that failed.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The type name of the actor that failed, or the name of the function in which the task or job was written.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.0.type_name
    }

    /// What the failure of this node began with. That may be just another failure ([`Cause::Beneath`]), for example
    /// that of an actor's task. What went wrong first is the cause of the first of the [`leaves`](Failure::leaves).
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// The failures beneath this one.
    #[must_use]
    pub fn beneath(&self) -> &[Self] {
        &self.0.beneath
    }

    /// What was cut short beneath this node while it ended.
    #[must_use]
    pub fn cut_short(&self) -> &[CutShort] {
        &self.0.cut_short
    }

    /// All cuts at or beneath this node.
    pub(crate) fn all_cuts(&self) -> Vec<CutShort> {
        let mut cuts = Vec::new();
        let mut pending = vec![self];
        while let Some(next) = pending.pop() {
            cuts.extend_from_slice(next.cut_short());
            pending.extend(next.beneath());
        }
        cuts
    }

    /// The failures that began with something other than a failure beneath (an error, a panic, or one normal end too
    /// many), this one included, in pre-order.
    pub fn leaves(&self) -> impl Iterator<Item = &Self> {
        let all = self.each_once().map(|(_, failure)| failure);
        all.filter(|failure| failure.is_leaf())
    }

    /// This failure and those beneath it, in pre-order, with their depths. A failure that is there twice, for example
    /// by its owner and by a sibling that waited for it, is given once.
    pub(crate) fn each_once(&self) -> impl Iterator<Item = (usize, &Self)> {
        let mut known = HashSet::new();
        let mut pending = vec![(0, self)];
        std::iter::from_fn(move || {
            loop {
                let (depth, next): (usize, &Self) = pending.pop()?;
                if known.insert(next.address()) {
                    let beneath = next.beneath().iter().rev();
                    pending.extend(beneath.map(|failure| (depth + 1, failure)));
                    return Some((depth, next));
                }
            }
        })
    }

    /// Identifies a failure. Two nodes may have the same failure, one of them as text.
    fn address(&self) -> usize {
        Arc::as_ptr(&self.text().unwrap_or(self).0).addr()
    }

    fn is_leaf(&self) -> bool {
        match self.0.cause {
            Cause::Error(_) | Cause::Panic(_) => true,
            // It began with the failure that was one too many, unless all incarnations had ended well.
            Cause::TooManyRestarts { .. } => self.0.beneath.is_empty(),
            Cause::Beneath => false,
        }
    }
}

/// One line: the node, and the first of the leaves with the number of further ones.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_head(f)?;
        if !matches!(self.0.cause, Cause::Beneath) {
            return Ok(());
        }
        let mut leaves = self.leaves();
        let Some(first) = leaves.next() else {
            return Ok(());
        };
        f.write_str(": ")?;
        first.fmt_head(f)?;
        match leaves.count() {
            0 => Ok(()),
            more => write!(f, " (and {more} more)"),
        }
    }
}

impl Failure {
    /// The node, and what went wrong in it.
    fn fmt_head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.0.path)?;
        if let Cause::Error(_) = self.0.cause {
            f.write_str("failed: ")?;
        }
        write!(f, "{}", self.0.cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => write!(f, "{error}"),
            Self::Panic(message) => write!(f, "panicked: {message}"),
            Self::TooManyRestarts { limit, within } => {
                write!(
                    f,
                    "ended too often: {limit} restarts within {within:?} are used up"
                )
            }
            Self::Beneath => f.write_str("failed because of what is beneath it"),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, failure) in self.each_once() {
            if depth > 0 {
                write!(f, "\n{:width$}", "", width = 2 * depth)?;
            }
            failure.fmt_head(f)?;
            write!(f, " ({})", failure.0.type_name)?;
            for cut in &failure.0.cut_short {
                write!(f, "\n{:width$}{cut}", "", width = 2 * depth + 2)?;
            }
        }
        Ok(())
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.cause {
            Cause::Error(error) => Some(error.as_std()),
            Cause::Panic(_) | Cause::TooManyRestarts { .. } => None,
            Cause::Beneath => self.0.beneath.first().map(|next| next as _),
        }
    }
}

// A failure that has passed through a deep chain must not be dropped by recursion (rule 15), even if each level has
// wrapped the error of the level beneath: what is beneath is held while the cause is dropped.
impl Drop for Node {
    fn drop(&mut self) {
        let mut pending = Vec::new();
        self.take_apart(&mut pending);
        while let Some(mut failure) = pending.pop() {
            if let Some(node) = Arc::get_mut(&mut failure.0) {
                node.take_apart(&mut pending);
            }
        }
    }
}

impl Node {
    fn take_apart(&mut self, pending: &mut Vec<Failure>) {
        pending.append(&mut self.beneath);
        pending.extend(self.text.take());
        drop(std::mem::replace(&mut self.cause, Cause::Beneath));
    }
}
