use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

/// The label of a message as a number. A plain store publishes what a node is handling, so others can read it even
/// while the handler blocks its thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label(NonZeroU32);

/// All labels ever seen: about as many as the program has message variants. A thread takes this lock only when it meets
/// a label for the first time.
static LABELS: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// Labels by address and length of their text.
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

/// Hashes addresses of literals, which no attacker chooses: it mixes in each number by a multiplication with the golden
/// ratio (Knuth, The Art of Computer Programming 3, 6.4).
#[derive(Default)]
struct PlaceHasher(u64);

impl Hasher for PlaceHasher {
    fn finish(&self) -> u64 {
        // The hash table uses both the high and the low bits.
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
