use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

/// The label of a message as a number, so that a plain store can publish what a node is handling
/// to whoever asks, even while that handler blocks its thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label(NonZeroU32);

/// All labels ever seen; there are about as many as message variants in the program. It is locked
/// only when a thread meets a label for the first time.
static LABELS: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// By where a text is and how long.
type Known = HashMap<(usize, usize), Label, BuildHasherDefault<PlaceHasher>>;

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

impl Label {
    #[cold]
    pub(crate) fn of(text: &'static str) -> Self {
        let key = (text.as_ptr() as usize, text.len());
        KNOWN.with_borrow_mut(|known| *known.entry(key).or_insert_with(|| Self::intern(text)))
    }

    pub(crate) fn text(self) -> &'static str {
        let labels = LABELS.lock().unwrap_or_else(PoisonError::into_inner);
        labels[self.0.get() as usize - 1]
    }

    pub(crate) fn from_raw(raw: u32) -> Option<Self> {
        NonZeroU32::new(raw).map(Self)
    }

    pub(crate) const fn raw(self) -> u32 {
        self.0.get()
    }

    fn intern(text: &'static str) -> Self {
        let mut labels = LABELS.lock().unwrap_or_else(PoisonError::into_inner);
        let index = labels
            .iter()
            .position(|known| *known == text)
            .unwrap_or_else(|| {
                labels.push(text);
                labels.len() - 1
            });
        // Labels are literals of the program, so there are far fewer than 2^32.
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        Self(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
    }
}

/// For the places of literals, which nobody chooses to make them collide: it mixes each number in by
/// a multiplication with the golden ratio (Knuth, The Art of Computer Programming 3, 6.4).
#[derive(Default)]
struct PlaceHasher(u64);

impl Hasher for PlaceHasher {
    fn finish(&self) -> u64 {
        // The table looks at both ends of the number.
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    fn write_usize(&mut self, number: usize) {
        self.0 = (self.0 ^ number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
