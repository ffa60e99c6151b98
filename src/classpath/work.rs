//! Work side by side. Results stand where their items stood, whatever the number of threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does `work` for every item in the order of `order`, on as many threads as there are; each thread has a
/// state of its own.
pub(super) fn in_order<T: Sync, S, R: Send>(
    items: &[T],
    order: &[usize],
    threads: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    let worker = || {
        let mut own = state();
        while let Some(&at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(item) = items.get(at) {
                let result = work(&mut own, item);
                done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
            }
        }
    };
    match threads.min(order.len()) {
        0 | 1 => worker(),
        threads => thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(worker);
            }
        }),
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// As [`in_order`], in the items' own order and without a state.
pub(super) fn all<T: Sync, R: Send>(items: &[T], threads: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let order: Vec<usize> = (0..items.len()).collect();
    in_order(items, &order, threads, || (), |(), item| work(item))
}
