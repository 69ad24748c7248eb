//! Many heartbeats at once: side by side under a bound, those of one address one after the other and no closer
//! than the service bears.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::heartbeat::{Heartbeat, Kind, Ping, Pinged};
use crate::sys::clock::{self, Deadline};
use crate::sys::secret;

/// Pinged side by side at most.
const JOBS: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not 0");

/// Pings them all with what `say` has for each (by its place in `heartbeats`); the answers are in the same order.
pub fn ping_all<'a>(
    heartbeats: &[&Heartbeat],
    say: &(dyn Fn(usize) -> Ping<'a> + Sync),
    deadline: Deadline,
) -> Vec<Pinged> {
    if let [only] = heartbeats {
        return vec![only.ping(&say(0), deadline)];
    }
    let rows = by_address(heartbeats);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let row = next.fetch_add(1, Ordering::Relaxed);
            let Some(row) = rows.get(row) else { return done };
            for (at, index) in row.iter().enumerate() {
                if at > 0 {
                    space(heartbeats[*index], deadline);
                }
                done.push((*index, heartbeats[*index].ping(&say(*index), deadline)));
            }
        }
    };
    let mut answers = vec![None; heartbeats.len()];
    std::thread::scope(|scope| {
        // Where a thread cannot be had (a host out of processes) this one does its part of the work.
        let threads: Vec<_> = (1..rows.len().min(JOBS.get()))
            .filter_map(|_| std::thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let mine = work();
        for (index, pinged) in
            threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().chain(mine)
        {
            answers[index] = Some(pinged);
        }
    });
    let lost = || Pinged::untried("the ping failed inside this program".into());
    answers.into_iter().map(|answer| answer.unwrap_or_else(lost)).collect()
}

/// The heartbeats in rows of one address each.
fn by_address(heartbeats: &[&Heartbeat]) -> Vec<Vec<usize>> {
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for (index, heartbeat) in heartbeats.iter().enumerate() {
        match rows.iter_mut().find(|row| heartbeats[row[0]].url == heartbeat.url) {
            Some(row) => row.push(index),
            None => rows.push(vec![index]),
        }
    }
    rows
}

/// Waits until the address may be pinged again, if that is before the deadline.
fn space(heartbeat: &Heartbeat, deadline: Deadline) {
    let kind = heartbeat
        .kind
        .clone()
        .or_else(|| secret::read(&heartbeat.url).ok().map(|url| Kind::of_url(url.reveal())));
    if let Some(spacing) = kind.and_then(|kind| kind.spacing()) {
        clock::pause(spacing.min(deadline.left()));
    }
}
