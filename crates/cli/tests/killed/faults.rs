//! What the disk or the system does to the program at the Nth call, as strace injects it. strace counts the calls of each
//! thread by itself. `scripts/injected-faults` runs these.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use pinrail_journal::Control;
use pinrail_types::Reason;
use pinrail_types::record::{QuoteRequestReject, RuntimeEvent, RuntimeEventKind};
use serde_json::Value;

use crate::alone;
use crate::ledger::Records;
use crate::place::{Place, succeeded};

/// The first archived segment, which the main thread makes.
const FIRST: &str = "0000000001-000001.seg";
/// The third, which the helper makes.
const THIRD: &str = "0000000003-000001.seg";

/// A desk with a sync for each batch, under strace: `what` is done to `call`, everywhere or on one file of the
/// journal.
struct Injected<'a> {
    place: &'a Place,
    call: &'static str,
    what: String,
    file: Option<PathBuf>,
    seconds: u64,
}

impl Injected<'_> {
    /// Runs to the end. Its trace must show that something was injected.
    fn run(&self) -> Output {
        let trace = self.trace();
        let seconds = self.seconds.to_string();
        let desk = self.place.desk(&["--seconds", &seconds, "--sync-ms", "0"]);
        let mut strace = Command::new("strace");
        strace
            .args(["--follow-forks", "--quiet=attach", "--output"])
            .arg(&trace)
            .arg(format!("--trace={},prctl", self.call))
            .arg(format!("--inject={}:{}", self.call, self.what))
            .stdin(Stdio::null());
        // Calls of no interest then run at full speed; but strace 6.1 injects no signal so.
        if !self.what.starts_with("signal") {
            strace.arg("--seccomp-bpf");
        }
        if let Some(file) = &self.file {
            strace.arg("--trace-path").arg(file);
        }
        strace.arg(desk.get_program()).args(desk.get_args());
        let output = strace.output().unwrap();
        let trace = std::fs::read_to_string(trace).unwrap();
        assert!(
            trace.contains("INJECTED") || output.status.code().is_none(),
            "{} {} was not reached",
            self.call,
            self.what
        );
        output
    }

    fn trace(&self) -> PathBuf {
        self.place.live().with_file_name("trace")
    }

    /// Calls of the thread that was hit, from the first that was hit on.
    fn calls_behind(&self) -> usize {
        let trace = std::fs::read_to_string(self.trace()).unwrap();
        let hit = trace.lines().find(|line| line.contains("INJECTED")).unwrap();
        let thread = hit.split(' ').next().unwrap();
        let of_thread = trace.lines().filter(|line| line.starts_with(thread));
        let behind = of_thread.skip_while(|line| *line != hit);
        behind.filter(|line| line.contains(self.call)).count()
    }
}

/// Ends as it must when the machine refuses; gives what it said.
fn refused(output: &Output) -> String {
    let err = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(4), "{err}");
    assert!(!err.contains("panicked"), "{err}");
    err
}

/// The journal can be gone on with, holds all that was durable, and replays to the same bytes.
fn assert_sound(place: &Place) {
    let durable_seq = Control::open(&place.live()).map_or(0, |control| control.durable_seq());
    let left = Records::read(place, true);
    assert!(left.len() >= durable_seq, "{} of {durable_seq}", left.len());
    succeeded(place.desk(&["--seconds", "1"]));
    let now = Records::read(place, false);
    assert!(now.begins_with(&left));
    succeeded(place.pinrail(&["journal", "verify"]));
    let replayed: Value = serde_json::from_str(&succeeded(place.pinrail(&["replay", "--json"]))).unwrap();
    assert_eq!(replayed["equal"], true);
}

fn told(records: &Records, kind: RuntimeEventKind) -> usize {
    let of_kind = |frame: &&pinrail_types::Frame| {
        frame
            .get::<RuntimeEvent>()
            .is_some_and(|event| event.kind == kind.byte())
    };
    records.notable.iter().filter(of_kind).count()
}

fn refusals(records: &Records, reason: Reason) -> usize {
    let refused = |frame: &&pinrail_types::Frame| {
        frame
            .get::<QuoteRequestReject>()
            .is_some_and(|refusal| refusal.reason == reason.code())
    };
    records.notable.iter().filter(refused).count()
}

#[test]
#[ignore = "needs strace: scripts/injected-faults"]
fn a_failed_sync_is_loud_final_and_not_tried_again() {
    let _alone = alone();
    // The first sync of each file is that of its maker, all others are the archiver's.
    for (file, nth) in [(FIRST, 1), (FIRST, 2), (THIRD, 1), (THIRD, 2)] {
        let place = Place::new();
        let injected = Injected {
            place: &place,
            call: "fdatasync",
            what: format!("error=EIO:when={nth}"),
            file: Some(place.archive().join(file)),
            seconds: 1,
        };
        let err = refused(&injected.run());
        let says = if nth == 1 {
            "cannot sync"
        } else {
            "durability is lost behind position"
        };
        assert!(err.contains(says) && err.contains(file), "{err}");
        assert_eq!(injected.calls_behind(), 1, "a sync is not tried again");
        let left = Records::read(&place, true);
        let durable_seq = Control::open(&place.live()).map_or(0, |control| control.durable_seq());
        assert_eq!(durable_seq < left.len(), nth > 1);
        let told = told(&left, RuntimeEventKind::ArchiverFailed);
        assert_eq!(told, usize::from(nth > 1));
        assert_sound(&place);
    }
}

#[test]
#[ignore = "needs strace: scripts/injected-faults"]
fn a_kill_at_the_nth_sync_loses_nothing_that_was_durable() {
    let _alone = alone();
    let place = Place::new();
    let mut before: Option<Records> = None;
    // The first is killed while it trades; each other one in its start, on what the one before has left.
    for nth in [6, 1, 2, 3, 4, 5] {
        let injected = Injected {
            place: &place,
            call: "fdatasync",
            what: format!("signal=KILL:when={nth}"),
            file: None,
            seconds: 1,
        };
        assert_eq!(injected.run().status.code(), None);
        let durable_seq = Control::open(&place.live()).map_or(0, |control| control.durable_seq());
        let left = Records::read(&place, true);
        assert!(
            left.len() >= durable_seq.max(1),
            "{} of {durable_seq}",
            left.len()
        );
        assert!(before.is_none_or(|before| left.begins_with(&before)));
        before = Some(left);
    }
    assert_sound(&place);
}

#[test]
#[ignore = "needs strace: scripts/injected-faults"]
fn a_disk_without_room_is_told_to_the_core_before_anything_fails() {
    let _alone = alone();
    // Shared memory that has no room for ten tries, and a disk that has none for good.
    for (call, what, is_over) in [
        ("fallocate", "error=ENOSPC:when=1..10", true),
        ("pwrite64", "error=ENOSPC", false),
    ] {
        let place = Place::new();
        let live = place.live().join("0000000004-000001.live");
        let archived = place.archive().join("0000000004-000001.seg");
        let injected = Injected {
            place: &place,
            call,
            what: what.to_owned(),
            file: Some(if is_over { live } else { archived }),
            seconds: if is_over { 4 } else { 1 },
        };
        let output = injected.run();
        if is_over {
            let err = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && err.contains("trying again"), "{err}");
        } else {
            let err = refused(&output);
            assert!(err.contains("no room for") && err.contains("0000000004"), "{err}");
        }
        let left = Records::read(&place, true);
        let control = Control::open(&place.live()).unwrap();
        assert_eq!(control.durable_seq(), left.len(), "what was journaled is durable");
        assert!(told(&left, RuntimeEventKind::JournalShort) > 0);
        assert_eq!(told(&left, RuntimeEventKind::JournalRoom) > 0, is_over);
        assert_eq!(told(&left, RuntimeEventKind::ArchiverFailed), 0);
        assert!(refusals(&left, Reason::JournalShort) > 0);
        assert_sound(&place);
    }
}

/// strace cannot shorten a write; it can say that one was short, so that bytes are missing on the disk that was told to have
/// them. That can't be mended, but it must never pass for a journal.
#[test]
#[ignore = "needs strace: scripts/injected-faults"]
fn bytes_that_a_disk_swallowed_are_never_taken_for_records() {
    let _alone = alone();
    for nth in [1, 2, 3] {
        let place = Place::new();
        let injected = Injected {
            place: &place,
            call: "pwrite64",
            what: format!("retval=32:when={nth}"),
            file: Some(place.archive().join(FIRST)),
            seconds: 1,
        };
        injected.run();
        let verified = place.pinrail(&["journal", "verify"]).output().unwrap();
        let err = String::from_utf8(verified.stderr).unwrap();
        assert!(
            matches!(verified.status.code(), Some(1 | 3)) && err.contains(FIRST),
            "{err}"
        );
    }
}
