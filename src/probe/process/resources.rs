//! What processes may use: processor time, memory, threads, open files, and how long they have been running.
//! Processor time is averaged between two runs, from what was used by then, so that nothing waits to measure it.
//! Reads nothing that is not asked for.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::text::plural;
use crate::model::time::Now;
use crate::model::trail::Before;
use crate::model::verdict::Verdict;
use crate::probe::Answer;
use crate::probe::limits::{Limits, keys};
use crate::probe::process::key;
use crate::sys::clock;
use crate::sys::process::{self, Process, Usage};

/// Processor time is counted in hundredths of a second, so over less than this it says little.
const SHORTEST: f64 = 1.0;
/// Of so many processes the times are kept for the next look.
const KEPT: usize = 500;

/// What the processes of one probe may use.
#[derive(Debug, Clone)]
pub(super) struct Resources {
    cpu: Limits,
    memory: Limits,
    threads: Limits,
    files: Limits,
    share: Limits,
    total_cpu: Limits,
    total_memory: Limits,
    age: Limits,
    restarted: bool,
}

/// One process's processor time over a span.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Busy {
    pid: u32,
    /// 100 is one processor busy.
    percent: f64,
    /// Whether the span began with the process, not with the last look.
    whole: bool,
}

impl Resources {
    /// Keys: `cpu`, `memory`, `threads`, `files`, `files_share` (of the soft limit), each held to the highest of
    /// one process; `total_cpu`, `total_memory`; `age` (of the youngest), `restarted=warn`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            cpu: Limits::read(&keys!("cpu"), Unit::Percent, fields),
            memory: Limits::read(&keys!("memory"), Unit::Bytes, fields),
            threads: Limits::read(&keys!("threads"), Unit::Plain, fields),
            files: Limits::read(&keys!("files"), Unit::Plain, fields),
            share: Limits::read(&keys!("files_share"), Unit::Percent, fields),
            total_cpu: Limits::read(&keys!("total_cpu"), Unit::Percent, fields),
            total_memory: Limits::read(&keys!("total_memory"), Unit::Bytes, fields),
            age: Limits::read(&keys!("age"), Unit::Seconds, fields),
            restarted: fields.one_of("restarted", &[("warn", true), ("ignore", false)])
                == Some(true),
        }
    }

    /// Holds the processes `found` to them.
    pub(super) fn hold(&self, answer: Answer, found: &[&Process], at: &Before) -> Answer {
        let answer = self.same(answer, found, at);
        let answer = self.old_enough(answer, found, at);
        let answer = self.used(answer, found, at);
        self.open_files(answer, found, at)
    }

    fn used(&self, answer: Answer, found: &[&Process], at: &Before) -> Answer {
        let all = [&self.cpu, &self.memory, &self.threads, &self.total_cpu, &self.total_memory];
        if !all.iter().any(|limits| limits.any()) {
            return answer;
        }
        let used = |process: &&Process| Some(((*process).clone(), process::usage(process.pid)?));
        let used: Vec<_> = found.iter().filter_map(used).collect();
        let answer = self.sizes(answer, &used, at);
        if self.cpu.any() || self.total_cpu.any() {
            self.busy(answer, &used, &clock::now(), at)
        } else {
            answer
        }
    }

    /// Whether the oldest process is still the one of the last look.
    fn same(&self, answer: Answer, found: &[&Process], at: &Before) -> Answer {
        let oldest = found.iter().min_by_key(|process| (process.start, process.pid));
        let Some(oldest) = oldest.filter(|_| self.restarted) else { return answer };
        let before = at.get("oldest").and_then(Json::as_str).unwrap_or_default();
        let now = key(oldest);
        let answer = match before.split_once('/') {
            Some((pid, _)) if before != now => answer.warning(format!(
                "restarted since the last look: pid {pid} is now pid {}",
                oldest.pid
            )),
            _ => answer,
        };
        answer.leaving("oldest", now.into())
    }

    fn old_enough(&self, answer: Answer, found: &[&Process], at: &Before) -> Answer {
        let youngest = found.iter().max_by_key(|process| process.start);
        let Some(youngest) = youngest.filter(|_| self.age.any()) else { return answer };
        let age = youngest.age().as_secs_f64();
        let said = format!("pid {} started {} ago", youngest.pid, Unit::Seconds.shown(age));
        let hint = format!("see what started it: `ps -o lstart,ppid,args -p {}`", youngest.pid);
        let number = Measure::new("age", age, Unit::Seconds).between(Some(0.0), None);
        held(&self.age, answer, number, &said, at, hint)
    }

    fn open_files(&self, mut answer: Answer, found: &[&Process], at: &Before) -> Answer {
        if !self.files.any() && !self.share.any() {
            return answer;
        }
        let open =
            |process: &&Process| Some((process.pid, number(process::open_files(process.pid)?)));
        let open: Vec<_> = found.iter().filter_map(open).collect();
        // One that has gone meanwhile has no files, and is no question of rights.
        let hidden = |process: &&Process| {
            process::open_files(process.pid).is_none() && process::one(process.pid).is_some()
        };
        if open.len() < found.len() && found.iter().any(hidden) {
            return uncounted(answer);
        }
        let most = |pid| format!("see them: `ls -l /proc/{pid}/fd`");
        if let Some((pid, count)) = highest(open.iter().copied()).filter(|_| self.files.any()) {
            let measure = Measure::new("files", count, Unit::Plain).between(Some(0.0), None);
            let said = format!("{} open in pid {pid}", counted(count, "file"));
            answer = held(&self.files, answer, measure, &said, at, most(pid));
        }
        if self.share.any() {
            let share = |(pid, count): &(u32, f64)| {
                Some((*pid, count * 100.0 / number(process::most_files(*pid)?)))
            };
            if let Some((pid, share)) = highest(open.iter().filter_map(share)) {
                let measure = Measure::new("files_share", share, Unit::Percent)
                    .between(Some(0.0), Some(100.0));
                let said = format!("{share:.1}% of the files it may open in pid {pid}");
                answer = held(&self.share, answer, measure, &said, at, most(pid));
            }
        }
        answer
    }

    fn sizes(&self, mut answer: Answer, used: &[(Process, Usage)], at: &Before) -> Answer {
        let size = |label, value| Measure::new(label, value, Unit::Bytes).between(Some(0.0), None);
        let of = |usage: &Usage| number(usage.memory);
        let largest = highest(used.iter().map(|(process, usage)| (process.pid, of(usage))));
        if let Some((pid, bytes)) = largest.filter(|_| self.memory.any()) {
            let said = format!("{} of memory in pid {pid}", Unit::Bytes.shown(bytes));
            let hint = format!("see where: `pmap -x {pid} | sort -n -k3 | tail`");
            answer = held(&self.memory, answer, size("memory", bytes), &said, at, hint);
        }
        if self.total_memory.any() {
            let bytes: f64 = used.iter().map(|(_, usage)| of(usage)).sum();
            let said = format!("{} of memory in all", Unit::Bytes.shown(bytes));
            let hint = "see where: `ps -eo rss,pid,args --sort=-rss | head`".to_owned();
            answer = held(&self.total_memory, answer, size("total_memory", bytes), &said, at, hint);
        }
        let threads =
            used.iter().filter_map(|(process, usage)| Some((process.pid, number(usage.threads?))));
        if let Some((pid, count)) = highest(threads).filter(|_| self.threads.any()) {
            let measure = Measure::new("threads", count, Unit::Plain).between(Some(0.0), None);
            let said = format!("{} in pid {pid}", counted(count, "thread"));
            let hint = format!("see them: `ps -L -o lwp,pcpu,stat,comm -p {pid}`");
            answer = held(&self.threads, answer, measure, &said, at, hint);
        }
        answer
    }

    fn busy(
        &self,
        mut answer: Answer,
        used: &[(Process, Usage)],
        now: &Now,
        at: &Before,
    ) -> Answer {
        let (busy, trail) = judge(used, now, at);
        let share =
            |label, value| Measure::new(label, value, Unit::Percent).between(Some(0.0), None);
        let since = |whole| if whole { "since it started" } else { "since the last look" };
        let most = busy.iter().max_by(|a, b| a.percent.total_cmp(&b.percent));
        if let Some(most) = most.filter(|_| self.cpu.any()) {
            let Busy { pid, percent, whole } = *most;
            let said = format!("{percent:.1}% of a processor in pid {pid} {}", since(whole));
            let hint = format!("see what it does: `top -H -p {pid}`");
            answer = held(&self.cpu, answer, share("cpu", percent), &said, at, hint);
        }
        if self.total_cpu.any() && !busy.is_empty() {
            let percent: f64 = busy.iter().map(|busy| busy.percent).sum();
            let said = format!("{percent:.1}% of a processor in all");
            let hint = "see what they do: `ps -eo pcpu,pid,args --sort=-pcpu | head`".to_owned();
            answer = held(&self.total_cpu, answer, share("total_cpu", percent), &said, at, hint);
        }
        answer.leaving("cpu", trail)
    }
}

/// How busy each process was since its last sample, or else since it started; and the samples for the next look. A
/// span that is too short is not judged, and its sample stays.
fn judge(used: &[(Process, Usage)], now: &Now, before: &Before) -> (Vec<Busy>, Json) {
    let kept = before.get("cpu").filter(|kept| kept["boot"] == now.boot.as_str());
    let (mut busy, mut samples) = (Vec::new(), serde_json::Map::new());
    let here = now.since_boot.as_secs_f64();
    for (process, usage) in used {
        let key = key(process);
        let cpu = usage.cpu.as_secs_f64();
        let sample = kept.and_then(|kept| {
            let sample = &kept["used"][&key];
            Some((sample[0].as_f64()?, sample[1].as_f64()?))
        });
        let started = now.wall.duration_since(process.started(now));
        let age = Duration::try_from(started).unwrap_or_default().as_secs_f64();
        let (from, span) = match sample {
            Some((then, cpu)) => (cpu, here - then),
            None => (0.0, age),
        };
        let long = span >= SHORTEST;
        if long {
            let percent = (cpu - from).max(0.0) * 100.0 / span;
            busy.push(Busy { pid: process.pid, percent, whole: sample.is_none() });
        }
        if samples.len() < KEPT {
            let sample = sample.filter(|_| !long).unwrap_or((here, cpu));
            samples.insert(key, json!([sample.0, sample.1]));
        }
    }
    (busy, json!({ "boot": now.boot, "used": samples }))
}

/// Holds it, with this hint if that makes it worse.
fn held(
    limits: &Limits,
    answer: Answer,
    measure: Measure,
    said: &str,
    at: &Before,
    hint: String,
) -> Answer {
    let was = (answer.verdict.clone(), answer.warning.clone());
    let answer = limits.hold(answer, measure, said, at);
    if was == (answer.verdict.clone(), answer.warning.clone()) {
        answer
    } else {
        answer.hinting(hint)
    }
}

/// Open files are asked for and may not be seen. What else is wrong is wrong all the same.
fn uncounted(answer: Answer) -> Answer {
    let why = "this user may not see which files it has open";
    if answer.verdict.is_down() {
        return answer.failing(why);
    }
    if answer.warning.is_some() {
        return answer.warning(why);
    }
    Answer { verdict: Verdict::Unknown(why.into()), ..answer }
        .hinting("run it as root, or as the user of the process")
}

/// `1 thread`, `2 threads`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was a count")]
fn counted(count: f64, noun: &str) -> String {
    plural(count as usize, noun)
}

fn highest(of: impl Iterator<Item = (u32, f64)>) -> Option<(u32, f64)> {
    of.max_by(|a, b| a.1.total_cmp(&b.1))
}

#[expect(clippy::cast_precision_loss, reason = "no process has 2^52 of anything")]
fn number(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trail::Trail;
    use std::sync::Arc;

    fn used(start: u64, cpu: u64) -> Vec<(Process, Usage)> {
        let process = Process {
            pid: 7,
            parent: 1,
            name: "x".into(),
            start,
            zombie: false,
            stopped: false,
            waiting: false,
        };
        vec![(process, Usage { cpu: Duration::from_secs(cpu), memory: 0, threads: None })]
    }

    #[test]
    fn files_that_may_not_be_seen_are_unknown_only_when_nothing_else_is_wrong() {
        let why = "this user may not see which files it has open";
        let answer = uncounted(Answer::up("running").leaving("cpu", json!(1)));
        assert_eq!(answer.verdict, Verdict::Unknown(why.into()));
        assert!(answer.trail.is_some() && answer.hint.is_some(), "{answer:?}");
        let answer = uncounted(Answer::up("").failing("too fat"));
        assert_eq!(answer.verdict, Verdict::Down(format!("too fat; {why}")));
        let answer = uncounted(Answer::up("").warning("restarted"));
        assert_eq!(
            (answer.verdict, answer.warning),
            (Verdict::Up, Some(format!("restarted; {why}")))
        );
    }

    #[test]
    fn processor_time_is_averaged_since_the_last_look_or_else_since_the_start() {
        let now = |since_boot: i64| Now {
            wall: jiff::Timestamp::from_second(1_000_000 + since_boot).unwrap(),
            boot: "b".into(),
            since_boot: Duration::from_secs(since_boot.unsigned_abs()),
        };
        let kept = |value: Json| Before::Kept(Arc::new(Trail::from([("cpu".to_owned(), value)])));
        let first = |busy: Vec<Busy>| busy.first().map(|busy| (busy.percent.round(), busy.whole));
        // Started 100 seconds after boot.
        let (busy, left) = judge(&used(10_000, 10), &now(200), &Before::Nowhere);
        assert_eq!(first(busy), Some((10.0, true)));
        let (busy, next) = judge(&used(10_000, 70), &now(260), &kept(left.clone()));
        assert_eq!(first(busy), Some((100.0, false)), "busy all the time since");
        let (busy, _) = judge(&used(10_000, 70), &now(270), &kept(next.clone()));
        assert_eq!(first(busy), Some((0.0, false)));
        let (busy, same) = judge(&used(10_000, 71), &now(260), &kept(next.clone()));
        assert_eq!((first(busy), same), (None, next.clone()), "no time passed: the sample stays");
        let (busy, _) = judge(&used(26_000, 5), &now(270), &kept(next.clone()));
        assert_eq!(first(busy), Some((50.0, true)), "the same pid is another process");
        let other = Now { boot: "c".into(), ..now(270) };
        assert_eq!(first(judge(&used(10_000, 17), &other, &kept(next)).0), Some((10.0, true)));
        let odd = kept(json!({ "boot": "b", "used": "nonsense" }));
        assert_eq!(first(judge(&used(10_000, 10), &now(200), &odd).0), Some((10.0, true)));
    }
}
