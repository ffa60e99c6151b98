//! Work side by side: scoped threads, results by index.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::error::Error;

/// Does `work` for every item, on up to `width` threads.
pub fn each<T: Sync>(items: &[T], width: usize, work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item);
        }
    };
    match width.min(items.len()) {
        0 | 1 => worker(),
        threads => thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(worker);
            }
        }),
    }
}

/// Does `work` for every item, on up to `width` threads; results in the items' order.
///
/// # Errors
/// The first error by the items' order of those that happened. After an error nothing new begins.
pub fn all<T: Sync, R: Send>(
    items: &[T],
    width: usize,
    work: impl Fn(&T) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let results: Vec<Mutex<Option<Result<R, Error>>>> = items.iter().map(|_| Mutex::default()).collect();
    let failed = AtomicBool::new(false);
    let slots: Vec<_> = items.iter().zip(&results).collect();
    each(&slots, width, |(item, slot)| {
        if failed.load(Ordering::Relaxed) {
            return;
        }
        let result = work(item);
        failed.fetch_or(result.is_err(), Ordering::Relaxed);
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    });
    let mut done = Vec::with_capacity(items.len());
    for result in results {
        match result.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(Ok(value)) => done.push(value),
            Some(Err(error)) => return Err(error),
            // Left out because a later item failed before this one began.
            None => {}
        }
    }
    Ok(done)
}
