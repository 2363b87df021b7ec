/// Numbers that a seed determines: SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
/// 2014), for which all seeds are equally good, including 0.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// Neighbouring seeds, and the streams of one seed, give unrelated numbers.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(0xd605_bbb5_8c8a_bbc9));
        random.0 = random.next();
        random
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        // The upper half of a product. The bias is negligible at 2^32.
        let wide = (self.next() >> 32) * u64::from(bound);
        (wide >> 32) as u32
    }
}
