//! Any payload at any alignment, in two parts: the vectors agree with RFC 6455 §5.3 as it is written.
#![no_main]

use bowsprit::{MaskingKey, mask};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&[start, cut, k0, k1, k2, k3], payload)) = input.split_first_chunk() else { return };
    let key = MaskingKey::new([k0, k1, k2, k3]);
    let start = usize::from(start % 64).min(payload.len());
    let mut fast = payload.to_vec();
    let mut slow = payload.to_vec();
    for (i, octet) in slow[start..].iter_mut().enumerate() {
        *octet ^= key.octets()[i % 4];
    }
    let cut = usize::from(cut).min(payload.len() - start);
    let (head, tail) = fast[start..].split_at_mut(cut);
    mask::apply(head, key);
    mask::apply(tail, key.advanced(cut));
    assert_eq!(fast, slow);
});
