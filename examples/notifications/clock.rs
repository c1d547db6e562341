//! What time it is: the system's, or whatever a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    System,
    /// Stands still until it is moved.
    ByHand(Arc<AtomicU64>),
}

impl Clock {
    pub(crate) fn by_hand(now: u64) -> Self {
        Self::ByHand(Arc::new(AtomicU64::new(now)))
    }

    pub(crate) fn now(&self) -> u64 {
        match self {
            Self::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64),
            Self::ByHand(now) => now.load(Ordering::Acquire),
        }
    }

    /// Moves a clock that stands still. The system's goes by itself.
    pub(crate) fn advance(&self, by: u64) {
        if let Self::ByHand(now) = self {
            now.fetch_add(by, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_by_hand_goes_only_when_it_is_moved_and_is_one_for_all_who_hold_it() {
        let clock = Clock::by_hand(5);
        let same = clock.clone();
        assert_eq!((clock.now(), same.now()), (5, 5));
        same.advance(3_600_000);
        assert_eq!((clock.now(), same.now()), (3_600_005, 3_600_005));
    }

    #[test]
    fn the_systems_clock_is_past_the_day_this_was_written_and_cannot_be_moved() {
        let before = Clock::System.now();
        Clock::System.advance(u64::MAX / 2);
        assert!((1_763_000_000_000..u64::MAX / 2).contains(&before));
        assert!(Clock::System.now() < u64::MAX / 2);
    }
}
