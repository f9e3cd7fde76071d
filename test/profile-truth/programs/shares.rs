// As shares.c, in methods: names are mangled.
use std::collections::HashMap;
use std::hint::black_box;

struct Shop;

#[inline(never)]
fn turn(n: u64) -> f64 {
    let mut x = 1.0f64;
    for _ in 0..black_box(n) {
        x = x * 1.0000001 + 0.5;
    }
    x
}

impl Shop {
    #[inline(never)]
    fn heavy(&self, n: u64) -> f64 {
        black_box(turn(3 * n)) + 1.0
    }
    #[inline(never)]
    fn light(&self, n: u64) -> f64 {
        black_box(turn(n)) + 1.0
    }
    #[inline(never)]
    fn allocate(&self) -> usize {
        let mut counts: HashMap<String, u64> = HashMap::new();
        for i in 0..200 {
            *counts.entry(format!("key {}", i % 20)).or_insert(0) += 1;
        }
        counts.len()
    }
}

fn main() {
    let shop = Shop;
    loop {
        black_box(shop.heavy(200_000));
        black_box(shop.light(200_000));
        black_box(shop.allocate());
    }
}
