//! How much one connection may ask for: a bucket that empties with time. The caller brings the time.

use std::time::{Duration, Instant};

/// The time one unit of cost takes to be forgotten.
const UNIT: Duration = Duration::from_millis(125);
/// So much may be asked for at once: 48 units.
const BURST: Duration = Duration::from_secs(6);
/// Refusals in a row after which the other side does not listen.
const PATIENCE: u32 = 100;

#[derive(Default)]
pub(crate) struct Allowance {
    spent: Duration,
    at: Option<Instant>,
    refused: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Granted,
    /// Not now, but then.
    Wait(Duration),
    /// It goes on asking and asking.
    Enough,
}

impl Allowance {
    pub(crate) fn ask(&mut self, cost: u32, now: Instant) -> Verdict {
        let passed = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.at = Some(now);
        self.spent = self.spent.saturating_sub(passed);
        let after = self.spent + UNIT * cost;
        if after <= BURST {
            self.spent = after;
            self.refused = 0;
            return Verdict::Granted;
        }
        self.refused += 1;
        if self.refused < PATIENCE { Verdict::Wait(after - BURST) } else { Verdict::Enough }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_granted_then_time_must_pass() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        let after = |ms| start + Duration::from_millis(ms);
        for _ in 0..12 {
            assert_eq!(allowance.ask(4, start), Verdict::Granted);
        }
        assert_eq!(allowance.ask(4, start), Verdict::Wait(Duration::from_millis(500)));
        assert_eq!(allowance.ask(4, after(499)), Verdict::Wait(Duration::from_millis(1)));
        assert_eq!(allowance.ask(4, after(500)), Verdict::Granted);
        assert_eq!(allowance.ask(48, after(6499)), Verdict::Wait(Duration::from_millis(1)));
        assert_eq!(allowance.ask(48, after(6500)), Verdict::Granted);
    }

    #[test]
    fn patience_ends_and_comes_back() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        assert_eq!(allowance.ask(48, start), Verdict::Granted);
        for _ in 1..PATIENCE {
            assert!(matches!(allowance.ask(1, start), Verdict::Wait(_)));
        }
        assert_eq!(allowance.ask(1, start), Verdict::Enough);
        assert_eq!(allowance.ask(1, start + BURST), Verdict::Granted);
        assert!(matches!(allowance.ask(48, start + BURST), Verdict::Wait(_)));
    }
}
