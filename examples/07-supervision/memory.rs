//! How much memory the process has at different times.

/// The resident kilobytes, one value for each look.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    looks: Vec<u64>,
}

impl Memory {
    pub(crate) fn look(&mut self) {
        if let Some(resident) = resident() {
            println!("{resident} KiB resident");
            self.looks.push(resident);
        }
    }

    /// Compares the last values with the first ones after the warm-up.
    pub(crate) fn verdict(&self) -> tenure::Result {
        let warm = &self.looks[self.looks.len() / 4..];
        let Some(quarter) = std::num::NonZeroUsize::new(warm.len() / 4) else {
            return Ok(());
        };
        let most = |looks: &[u64]| looks.iter().copied().max().unwrap_or_default();
        let before = most(&warm[..quarter.get()]);
        let after = most(&warm[warm.len() - quarter.get()..]);
        if after > before + before / 10 + 1_024 {
            return Err(format!("memory grew from {before} to {after} KiB").into());
        }
        println!("memory is flat: {before} KiB, and {after} KiB in the end");
        Ok(())
    }
}

/// `None` where the system does not say.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
