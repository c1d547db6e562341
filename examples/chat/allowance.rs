//! How much one connection may ask for: a bucket that fills with time. The caller brings the time.

use std::time::Instant;

/// A burst.
const FULL: f64 = 48.0;
/// What comes back each second.
const REFILL: f64 = 8.0;
/// Refusals in a row after which the other side does not listen.
const PATIENCE: u32 = 100;

#[derive(Default)]
pub struct Allowance {
    spent: f64,
    at: Option<Instant>,
    refused: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Granted,
    /// Not now; there will be enough after so many milliseconds.
    Wait(u64),
    /// It goes on asking and asking.
    Enough,
}

impl Allowance {
    pub fn ask(&mut self, cost: u32, now: Instant) -> Verdict {
        let passed = self.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        self.at = Some(now);
        self.spent = (self.spent - passed * REFILL).max(0.0);
        let after = self.spent + f64::from(cost);
        if after <= FULL {
            self.spent = after;
            self.refused = 0;
            return Verdict::Granted;
        }
        self.refused += 1;
        if self.refused >= PATIENCE {
            return Verdict::Enough;
        }
        Verdict::Wait(((after - FULL) / REFILL * 1000.0).ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_is_granted_then_time_must_pass() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        for _ in 0..12 {
            assert_eq!(allowance.ask(4, start), Verdict::Granted);
        }
        assert_eq!(allowance.ask(4, start), Verdict::Wait(500));
        assert_eq!(allowance.ask(4, start + Duration::from_millis(499)), Verdict::Wait(1));
        assert_eq!(allowance.ask(4, start + Duration::from_millis(500)), Verdict::Granted);
        assert_eq!(allowance.ask(4, start + Duration::from_secs(3600)), Verdict::Granted);
    }

    #[test]
    fn patience_ends() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        assert_eq!(allowance.ask(48, start), Verdict::Granted);
        for _ in 1..PATIENCE {
            assert!(matches!(allowance.ask(1, start), Verdict::Wait(_)));
        }
        assert_eq!(allowance.ask(1, start), Verdict::Enough);
    }
}
