//! How long to wait before connecting again (RFC 6455 §7.2.3).

use core::time::Duration;

/// Delays between attempts to connect: random, and on average twice as long each time.
///
/// Each delay is drawn evenly from zero to a bound that doubles up to `cap` ("full jitter"), so that a thousand clients
/// that lost their server together do not come back together.
///
/// ```no_run
/// use bowsprit::net::{Backoff, Client};
///
/// let mut backoff = Backoff::default();
/// loop {
///     if let Ok(mut client) = Client::connect("ws://127.0.0.1:9001/") {
///         while let Ok(Some(message)) = client.receive() {
///             backoff.reset(); // it works again
///             println!("{message:?}");
///         }
///     }
///     std::thread::sleep(backoff.next_delay());
/// }
/// ```
///
/// RFC 6455 §7.2.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    /// No delay is longer.
    bound: Duration,
}

impl Backoff {
    /// The first delay is at most `base`, none is longer than `cap`.
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, bound: base.min(cap) }
    }

    /// How long to wait before the next attempt, the first one too.
    pub fn next_delay(&mut self) -> Duration {
        // Without chance, the longest delay is the kindest.
        self.draw(getrandom::u64().unwrap_or(u64::MAX))
    }

    /// The connection stands: the next delay is a first one.
    pub fn reset(&mut self) {
        self.bound = self.base.min(self.cap);
    }

    /// Maps all values of `random` evenly to 0..=bound.
    fn draw(&mut self, random: u64) -> Duration {
        let bound = u64::try_from(self.bound.as_nanos()).unwrap_or(u64::MAX);
        let nanos = ((u128::from(bound) + 1) * u128::from(random)) >> 64;
        self.bound = self.bound.saturating_mul(2).min(self.cap);
        // At most `bound`.
        Duration::from_nanos(nanos as u64)
    }
}

impl Default for Backoff {
    /// At most 5 s at first, as the RFC proposes, and never over a minute.
    fn default() -> Self {
        Self::new(Duration::from_secs(5), Duration::from_secs(60))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn r124_the_bound_doubles_up_to_the_cap_and_starts_again() {
        let mut backoff = Backoff::new(5 * SECOND, 60 * SECOND);
        let longest = |backoff: &mut Backoff| (0..6).map(|_| backoff.draw(u64::MAX)).collect::<Vec<_>>();
        let expected = [5, 10, 20, 40, 60, 60].map(Duration::from_secs);
        assert_eq!(longest(&mut backoff), expected);
        backoff.reset();
        assert_eq!(longest(&mut backoff), expected);
        assert_eq!(Backoff::new(5 * SECOND, SECOND).draw(u64::MAX), SECOND);
        assert_eq!(backoff.draw(0), Duration::ZERO);
    }

    #[test]
    fn r124_delays_spread_evenly() {
        let mut backoff = Backoff::new(10 * SECOND, 10 * SECOND);
        let mut tenths = [0; 10];
        for _ in 0..10_000 {
            let delay = backoff.next_delay();
            assert!(delay <= 10 * SECOND);
            tenths[(delay.as_millis() / 1000).min(9) as usize] += 1;
        }
        // 1000 each, the standard deviation is 30.
        assert!(tenths.iter().all(|n| (700..1300).contains(n)), "{tenths:?}");
    }

    #[test]
    fn extreme_bounds() {
        let mut backoff = Backoff::new(Duration::MAX, Duration::MAX);
        assert_eq!(backoff.draw(u64::MAX).as_nanos(), u128::from(u64::MAX));
        assert_eq!(backoff.draw(0), Duration::ZERO);
        let mut none = Backoff::new(Duration::ZERO, SECOND);
        assert_eq!((none.draw(u64::MAX), none.draw(u64::MAX)), (Duration::ZERO, Duration::ZERO));
    }
}
