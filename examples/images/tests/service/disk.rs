//! A disk in memory that can fail, be full, and lose its power.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use images::store::Open;
use redb::{Database, StorageBackend};

/// The bytes that are written at once or not at all.
const SECTOR: usize = 512;

#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What a reader sees.
    now: Vec<u8>,
    /// What is left after a loss of power.
    durable: Vec<u8>,
    /// What was written since the last sync.
    unsynced: Vec<Write>,
    /// The error with which every call fails.
    fault: Option<io::ErrorKind>,
    /// How often it still panics when it is opened.
    panics: u32,
    writes: u64,
    /// The write with which it begins to fail.
    fails_at: Option<u64>,
    /// The write with which the power goes, and the dice that decide about each write that is not synced.
    cut: Option<(u64, Dice)>,
}

#[derive(Debug, Clone)]
enum Write {
    Length(u64),
    Bytes(u64, Vec<u8>),
}

impl Disk {
    pub(crate) fn opener(&self) -> Open {
        let disk = self.clone();
        Arc::new(move || {
            let mut state = disk.state();
            let panics = state.panics > 0;
            state.panics -= u32::from(panics);
            drop(state);
            if panics {
                panic_quietly("a disk that panics");
            }
            Database::builder().create_with_backend(Head(disk.clone()))
        })
    }

    /// From now on nothing can be read or written.
    pub(crate) fn fail(&self, kind: io::ErrorKind) {
        self.state().fault = Some(kind);
    }

    /// From this write or sync on, nothing can be read or written.
    pub(crate) fn fail_at(&self, write: u64) {
        self.state().fails_at = Some(write);
    }

    /// Panics this many times when it is opened, from now on.
    pub(crate) fn panic(&self, times: u32) {
        self.state().panics = times;
    }

    /// How often it would still panic.
    pub(crate) fn panics_left(&self) -> u32 {
        self.state().panics
    }

    pub(crate) fn heal(&self) {
        let mut state = self.state();
        (state.fault, state.fails_at, state.panics) = (None, None, 0);
    }

    pub(crate) fn writes(&self) -> u64 {
        self.state().writes
    }

    /// Cuts the power with this write or sync. Of the writes since the last sync, some reach the disk, some do not, and
    /// some do in part.
    pub(crate) fn cut_at(&self, write: u64, dice: Dice) {
        self.state().cut = Some((write, dice));
    }

    /// The disk once the power is back.
    pub(crate) fn after_the_cut(&self) -> Self {
        let state = self.state();
        let bytes = state.durable.clone();
        Self(Arc::new(Mutex::new(State {
            now: bytes.clone(),
            durable: bytes,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn check(&self) -> io::Result<()> {
        self.fault.map_or(Ok(()), |kind| Err(kind.into()))
    }

    /// Counts what changes the disk, and cuts the power when it is time.
    fn count(&mut self) -> io::Result<()> {
        self.check()?;
        self.writes += 1;
        if self.fails_at == Some(self.writes) {
            self.fault = Some(io::ErrorKind::Other);
        }
        if self
            .cut
            .as_ref()
            .is_some_and(|(write, _)| *write == self.writes)
        {
            let dice = self.cut.take().map(|(_, dice)| dice);
            self.lose_power(dice.unwrap());
        }
        self.check()
    }

    fn lose_power(&mut self, mut dice: Dice) {
        for write in std::mem::take(&mut self.unsynced) {
            match (dice.roll(3), write) {
                (0, _) => {}
                (1, Write::Bytes(at, bytes)) => {
                    let sectors = bytes.len().div_ceil(SECTOR) as u64;
                    let kept = dice.roll(sectors + 1) as usize * SECTOR;
                    let kept = bytes[..kept.min(bytes.len())].to_vec();
                    apply(&mut self.durable, &Write::Bytes(at, kept));
                }
                (_, write) => apply(&mut self.durable, &write),
            }
        }
        self.fault = Some(io::ErrorKind::NotConnected);
    }
}

fn apply(bytes: &mut Vec<u8>, write: &Write) {
    match write {
        Write::Length(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
        Write::Bytes(at, written) => {
            let at = usize::try_from(*at).unwrap();
            // The new length may have been lost.
            if bytes.len() < at + written.len() {
                bytes.resize(at + written.len(), 0);
            }
            bytes[at..at + written.len()].copy_from_slice(written);
        }
    }
}

/// The storage that redb has on the disk.
#[derive(Debug)]
struct Head(Disk);

impl StorageBackend for Head {
    fn len(&self) -> io::Result<u64> {
        let state = self.0.state();
        state.check()?;
        Ok(state.now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.state();
        state.check()?;
        let at = usize::try_from(offset).unwrap();
        let bytes = state.now.get(at..at + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Write::Length(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.state();
        state.count()?;
        for write in std::mem::take(&mut state.unsynced) {
            apply(&mut state.durable, &write);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Write::Bytes(offset, data.to_vec()))
    }
}

impl Head {
    fn change(&self, write: Write) -> io::Result<()> {
        let mut state = self.0.state();
        state.check()?;
        // The write may reach the disk although the power goes with it.
        state.unsynced.push(write.clone());
        state.count()?;
        apply(&mut state.now, &write);
        Ok(())
    }
}

/// Panics without a backtrace, since printing one may take longer on a busy machine than a test waits.
pub(crate) fn panic_quietly(what: &'static str) -> ! {
    std::panic::resume_unwind(Box::new(what))
}

/// Random numbers that can be repeated (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below this one.
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }
}
