//! Made-up quotes: each tick is the whole market, so that the latest replaces all before it.

use serde_json::json;

/// Name and price in cents on the first day.
const INSTRUMENTS: [(&str, u32); 6] =
    [("BOWS", 10_000), ("KEEL", 4_200), ("MAST", 18_650), ("HELM", 960), ("JIB", 7_730), ("STAY", 31_400)];
/// Sizes on each side of a book: ballast, so that a tick has about 1 KiB.
const LEVELS: u64 = 12;

pub struct Market {
    last: u64,
    prices: [u32; INSTRUMENTS.len()],
}

impl Market {
    pub fn open() -> Self {
        Self { last: 0, prices: INSTRUMENTS.map(|(_, price)| price) }
    }

    /// The number of the tick before.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The next tick: `{"n":7,"quotes":[{"name":"BOWS","bid":9998,"ask":10001,"bids":[…],"asks":[…]},…]}`.
    pub fn tick(&mut self) -> String {
        self.last += 1;
        let mut quotes = Vec::new();
        for (place, (name, first)) in INSTRUMENTS.into_iter().enumerate() {
            let chance = scatter(self.last * INSTRUMENTS.len() as u64 + place as u64);
            let price = &mut self.prices[place];
            // A step down, none, or one up, and never far from where it began.
            *price = (*price + (chance % 3) as u32 - 1).clamp(first / 2, first * 2);
            let sizes =
                |side| (0..LEVELS).map(|level| 1_000 + scatter(chance + side + level) % 9_000).collect::<Vec<_>>();
            quotes.push(
                json!({ "name": name, "bid": *price - 1, "ask": *price + 2, "bids": sizes(0), "asks": sizes(LEVELS) }),
            );
        }
        json!({ "n": self.last, "quotes": quotes }).to_string()
    }
}

/// SplitMix64's last step: a number that looks like chance.
fn scatter(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_numbered_from_one_and_about_as_long_as_each_other() {
        let mut market = Market::open();
        for n in 1..=1000 {
            let tick = market.tick();
            let value: serde_json::Value = serde_json::from_str(&tick).unwrap();
            assert_eq!((value["n"].as_u64(), market.last()), (Some(n), n));
            assert!((900..1300).contains(&tick.len()), "{}", tick.len());
        }
    }
}
