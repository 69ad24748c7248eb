//! Folding by tables: what waits on the left, what leaves on the right.

use jiff::Timestamp;

use super::*;

/// So many minutes after the boot of `boot`, with the clock showing so many minutes after noon.
fn at(boot: &str, up: u64, wall: i64) -> Now {
    let noon: Timestamp = "2026-01-02T12:00:00Z".parse().unwrap();
    Now {
        wall: Timestamp::from_second(noon.as_second() + wall * 60).unwrap(),
        boot: boot.into(),
        since_boot: Duration::from_secs(up * 60),
    }
}

/// `web failed`: of its first incident; `web/2 failed`: of its second.
fn entry(text: &str, now: &Now) -> Entry {
    let (of, word) = text.split_once(' ').expect("an incident and a change");
    let changes = [
        Change::Down,
        Change::Failed,
        Change::Reminder,
        Change::Resolved,
        Change::Repeated,
        Change::Gap,
        Change::Summary,
    ];
    let change = changes.into_iter().find(|change| change.word() == word).expect("a change");
    let service = if change.of_service() { of.split('/').next().unwrap_or_default() } else { "" };
    let story = Story {
        incident: of.into(),
        service: service.into(),
        reason: text.into(),
        ..Story::new(change, "h", now.wall)
    };
    Entry::new(story, 0, now.stamp(), ["mail"])
}

/// Each a minute after the one before; those after `|` are of this run.
fn waiting(texts: &str) -> Vec<Letter> {
    let (old, fresh) = texts.split_once('|').unwrap_or((texts, ""));
    let split = |text: &str| -> Vec<String> {
        text.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
    };
    let (old, fresh) = (split(old), split(fresh));
    let began = u64::try_from(old.len()).unwrap();
    let entries = old.iter().chain(&fresh).zip(0..);
    let entries = entries.map(|(text, minute)| entry(text, &at("a", minute, 0)));
    letters(entries.enumerate().collect(), &at("a", began, 0), &at("a", began + 60, 0))
}

/// `web resolved (failed, reminder)`, a message each; incidents of one with ` + ` between.
fn shown(parcels: &[Parcel]) -> Vec<String> {
    let course = |course: &Course<'_>| {
        let before = course.steps.len() - 1;
        let steps: Vec<&str> =
            course.steps[..before].iter().map(|step| step.change.word()).collect();
        let latest = &course.story.reason;
        if steps.is_empty() { latest.clone() } else { format!("{latest} ({})", steps.join(", ")) }
    };
    let parcel = |parcel: &Parcel| {
        parcel.courses(|_| None).iter().map(course).collect::<Vec<_>>().join(" + ")
    };
    parcels.iter().map(parcel).collect()
}

#[test]
fn what_is_old_leaves_as_one_message_an_incident_by_its_latest_state() {
    for (waits, want) in [
        ("", vec![]),
        ("web failed", vec!["web failed"]),
        ("web failed, db failed", vec!["web failed + db failed"]),
        ("web failed, web reminder, web resolved", vec!["web resolved (failed, reminder)"]),
        ("web failed, db down, web resolved", vec!["web resolved (failed) + db down"]),
        // Another incident of the same service is another.
        ("web failed, web resolved, web/2 failed", vec!["web resolved (failed) + web/2 failed"]),
        // That it has to be healed again and again is not over with the incident.
        ("web failed, web repeated, web resolved", vec!["web resolved (failed) + web repeated"]),
        // Of summaries the last is of use, of other news each.
        ("a summary, x gap, b summary, y gap", vec!["b summary (summary) + x gap + y gap"]),
        // What is new of an old incident goes with it; the rest is told in time.
        ("web failed | web resolved, db failed", vec!["web resolved (failed)", "db failed"]),
        (
            "web failed | a failed, b failed, c failed",
            vec!["web failed", "a failed + b failed + c failed"],
        ),
        ("| a failed, b failed", vec!["a failed", "b failed"]),
        ("| a failed, b failed, c failed", vec!["a failed + b failed + c failed"]),
    ] {
        assert_eq!(shown(&parcels(waiting(waits), true)), want, "{waits}");
    }
}

#[test]
fn where_each_is_a_record_of_its_own_each_leaves_but_for_reminders_that_were_overtaken() {
    for (waits, want) in [
        ("web failed, db failed, web resolved", vec!["web failed", "db failed", "web resolved"]),
        (
            "web failed, web reminder, db failed, web reminder",
            vec!["web failed", "db failed", "web reminder (reminder)"],
        ),
        (
            "web failed, web reminder, web reminder | web resolved",
            vec!["web failed", "web resolved (reminder, reminder)"],
        ),
        ("web reminder, web/2 failed", vec!["web reminder", "web/2 failed"]),
    ] {
        assert_eq!(shown(&parcels(waiting(waits), false)), want, "{waits}");
    }
}

#[test]
fn nothing_is_left_out_of_all_messages_and_nothing_is_in_two() {
    let waits = "a failed, b failed, a reminder, a reminder, b resolved, x gap, a repeated | \
                 a resolved, c failed, c resolved, d down, e down";
    for digests in [true, false] {
        let parcels = parcels(waiting(waits), digests);
        let mut all: Vec<usize> =
            parcels.iter().flat_map(|one| &one.letters).map(|letter| letter.index).collect();
        all.sort_unstable();
        assert_eq!(all, (0..12).collect::<Vec<_>>(), "{digests}");
        let steps = parcels.iter().flat_map(|one| one.courses(|_| None)).map(|it| it.steps.len());
        assert_eq!(steps.sum::<usize>(), 12, "{digests}");
    }
}

#[test]
fn a_clock_that_was_set_between_changes_no_order_and_no_span() {
    // When it happened: the boot, minutes since it, minutes after noon as the clock said. Told at minute 300 of
    // boot b, when the clock says 13:00.
    let now = at("b", 300, 60);
    for (happened, want) in [
        (vec![("b", 290, 50), ("b", 295, 55)], vec![(0, 50), (1, 55)]),
        // Set back by two hours between the two.
        (vec![("b", 290, 170), ("b", 295, 55)], vec![(0, 50), (1, 55)]),
        // Set forward by a year.
        (vec![("b", 290, -525_600), ("b", 295, 55)], vec![(0, 50), (1, 55)]),
        // Before a reboot: how far they lie apart is known, and that both are older than it.
        (vec![("a", 10, 50), ("a", 15, -300)], vec![(0, -305), (1, -300)]),
        (
            vec![("a", 10, -400), ("a", 15, 900), ("b", 1, -239)],
            vec![(0, -245), (1, -240), (2, -239)],
        ),
    ] {
        let entries =
            happened.iter().map(|(boot, up, wall)| entry("web failed", &at(boot, *up, *wall)));
        let letters = letters(entries.enumerate().collect(), &now, &now);
        let noon = at("b", 0, 0).wall.as_second();
        let got: Vec<(usize, i64)> = letters
            .iter()
            .map(|letter| (letter.index, (letter.at.as_second() - noon) / 60))
            .collect();
        assert_eq!(got, want, "{happened:?}");
        assert!(letters.iter().all(|letter| letter.late && letter.at <= now.wall));
    }
}

#[test]
fn an_end_is_the_latest_state_whatever_the_order_in_which_it_was_recorded() {
    assert_eq!(
        shown(&parcels(waiting("web resolved, web failed"), true)),
        ["web resolved (failed)"]
    );
}
