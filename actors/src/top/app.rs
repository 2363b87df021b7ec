//! The state of the screen, and what the keys do to it.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tenure::NodeId;
use tenure::observe::{Groups, NodeInfo, WaitInfo, WaitKind};

use super::look::Look;
use super::tree::{How, Sort, TreeRow, rows};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum View {
    #[default]
    Tree,
    Waits,
    Groups,
    Ends,
}

impl View {
    pub(super) const ALL: [Self; 4] = [Self::Tree, Self::Waits, Self::Groups, Self::Ends];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Tree => "Tree",
            Self::Waits => "Waits",
            Self::Groups => "Groups",
            Self::Ends => "Ends",
        }
    }
}

/// Whether the program goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    On,
    Quit,
}

#[derive(Debug, Default)]
pub(super) struct App {
    pub(super) address: String,
    pub(super) look: Option<Look>,
    first: Option<Groups>,
    /// Why the last look failed, if it did.
    pub(super) wrong: Option<String>,
    pub(super) view: View,
    pub(super) how: How,
    /// Whether keys go to the filter.
    pub(super) is_typing: bool,
    /// Whether new looks are not shown.
    pub(super) is_paused: bool,
    /// The node of the chosen row of the tree; and the place of the chosen row in any view.
    chosen: Option<NodeId>,
    pub(super) place: usize,
    /// How many rows the last drawing had room for.
    pub(super) room: usize,
}

impl App {
    pub(super) fn new(address: &str, view: View) -> Self {
        Self {
            address: address.to_owned(),
            view,
            ..Self::default()
        }
    }

    /// Takes a new look.
    pub(super) fn take(&mut self, mut look: Look) {
        self.wrong = None;
        let first = self.first.get_or_insert_with(|| look.groups.clone());
        // The clock has gone back, so this is another process, with other nodes.
        if look.groups.taken_at < first.taken_at {
            *first = look.groups.clone();
            self.look = None;
        }
        if !self.is_paused {
            look.compare(self.look.as_ref(), first);
            self.look = Some(look);
            self.keep_place();
        }
    }

    /// Notes that a look has failed. The last look stays on the screen.
    pub(super) fn fail(&mut self, why: String) {
        self.wrong = Some(why);
    }

    pub(super) fn event(&mut self, event: &Event) -> Flow {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(*key),
            _ => Flow::On,
        }
    }

    fn key(&mut self, key: KeyEvent) -> Flow {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Flow::Quit,
                _ => Flow::On,
            };
        }
        if self.is_typing {
            self.type_key(key.code);
            return Flow::On;
        }
        match key.code {
            KeyCode::Char('q') => return Flow::Quit,
            KeyCode::Char('1' | 't') => self.turn(View::Tree),
            KeyCode::Char('2' | 'w') => self.turn(View::Waits),
            KeyCode::Char('3' | 'g') => self.turn(View::Groups),
            KeyCode::Char('4' | 'e') => self.turn(View::Ends),
            KeyCode::Tab => self.turn(self.next_view()),
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Esc => self.filter(|filter| filter.clear()),
            KeyCode::Char('p') => self.is_paused = !self.is_paused,
            KeyCode::Char('s') => {
                self.how.sort = self.how.sort.next();
                self.keep_place();
            }
            KeyCode::Char('+') => self.fold_all(true),
            KeyCode::Char('-') => self.fold_all(false),
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::PageDown => self.step(self.room.cast_signed()),
            KeyCode::PageUp => self.step(-self.room.cast_signed()),
            KeyCode::Home => self.step(isize::MIN),
            KeyCode::End => self.step(isize::MAX),
            KeyCode::Enter | KeyCode::Char(' ') => self.fold(None),
            KeyCode::Right => self.fold(Some(true)),
            KeyCode::Left => self.fold(Some(false)),
            _ => {}
        }
        Flow::On
    }

    fn type_key(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.filter(|filter| filter.clear());
            }
            KeyCode::Backspace => self.filter(|filter| {
                filter.pop();
            }),
            KeyCode::Char(c) => self.filter(|filter| filter.push(c)),
            _ => {}
        }
    }

    fn filter(&mut self, change: impl FnOnce(&mut String)) {
        change(&mut self.how.filter);
        self.keep_place();
    }

    fn next_view(&self) -> View {
        let at = View::ALL.iter().position(|view| *view == self.view);
        View::ALL[at.map_or(0, |at| (at + 1) % View::ALL.len())]
    }

    fn turn(&mut self, view: View) {
        self.view = view;
        self.place = 0;
        self.keep_place();
    }

    fn fold_all(&mut self, is_open: bool) {
        self.how.folds.clear();
        self.how.all_open = Some(is_open);
        // The roots stay open, since closed roots would show nothing.
        let roots = self.tree().into_iter().filter(|row| row.depth == 0);
        let roots: Vec<_> = roots.map(|row| (row.node.id, true)).collect();
        self.how.folds.extend(roots);
        self.keep_place();
    }

    /// Opens or closes what is beneath the chosen node. Closing a closed node goes to its owner.
    fn fold(&mut self, to: Option<bool>) {
        if self.view != View::Tree {
            return;
        }
        let tree = self.tree();
        let Some(row) = tree.get(self.place) else {
            return;
        };
        match (row.is_open, to) {
            (Some(is_open), to) if to != Some(is_open) => {
                let id = row.node.id;
                self.how.folds.insert(id, to.unwrap_or(!is_open));
                self.keep_place();
            }
            (_, Some(false)) => {
                let owner = row.node.owner;
                let place = tree.iter().position(|row| Some(row.node.id) == owner);
                self.choose(place.unwrap_or(self.place));
            }
            _ => {}
        }
    }

    fn step(&mut self, by: isize) {
        let last = self.length().saturating_sub(1);
        let place = self.place.saturating_add_signed(by).min(last);
        self.choose(place);
    }

    fn choose(&mut self, place: usize) {
        self.place = place;
        if self.view == View::Tree {
            self.chosen = self.tree().get(place).map(|row| row.node.id);
        }
    }

    /// Keeps the chosen node chosen, wherever its row is now.
    fn keep_place(&mut self) {
        let length = self.length();
        if self.view == View::Tree {
            let tree = self.tree();
            let known = tree.iter().position(|row| Some(row.node.id) == self.chosen);
            let place = known.unwrap_or(self.place).min(length.saturating_sub(1));
            self.choose(place);
        }
        self.place = self.place.min(length.saturating_sub(1));
    }

    pub(super) fn tree(&self) -> Vec<TreeRow<'_>> {
        let look = self.look.as_ref();
        look.map_or_else(Vec::new, |look| rows(look, &self.how))
    }

    pub(super) const fn sort(&self) -> Sort {
        self.how.sort
    }

    /// How many rows the view has.
    fn length(&self) -> usize {
        let Some(look) = &self.look else { return 0 };
        match self.view {
            View::Tree => self.tree().len(),
            View::Waits => waits(look).len(),
            View::Groups => look.groups.groups.len(),
            View::Ends => look.ends.as_ref().map_or(0, |ends| ends.ends.len()),
        }
    }
}

/// Who waits for what, the longest first. Without nodes that wait for an order to themselves: they wait for nobody in
/// particular.
pub(super) fn waits(look: &Look) -> Vec<(&NodeInfo, &WaitInfo)> {
    let is_real = |node: &NodeInfo, wait: &WaitInfo| {
        let target = wait.target.as_ref().map(|target| target.id);
        wait.kind != WaitKind::Order || target != Some(node.id)
    };
    let nodes = look.snapshot.nodes.iter();
    let all = nodes.flat_map(|node| node.waits.iter().map(move |wait| (node, wait)));
    let mut all: Vec<_> = all.filter(|(node, wait)| is_real(node, wait)).collect();
    all.sort_by_key(|(_, wait)| std::cmp::Reverse(wait.lasted));
    all
}
