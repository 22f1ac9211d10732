use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

thread_local! {
    /// Makes every later sync of intents on this thread fail.
    pub(super) static SYNC_FAILS: Cell<bool> = const { Cell::new(false) };
}

const JOURNAL: JournalId = JournalId([7; 16]);

fn id(seq: u64) -> SendId {
    SendId { epoch: 3, seq }
}

struct Place(TempDir);

impl Place {
    fn new() -> Place {
        // Where a sync costs nothing.
        Place(TempDir::new_in("/dev/shm").expect("a machine with shared memory"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("portal.sends")
    }

    fn open(&self) -> Result<SendLog, SendLogError> {
        SendLog::open(&self.path(), JOURNAL)
    }
}

#[test]
fn a_send_that_was_begun_and_not_done_is_in_doubt_after_a_restart() {
    let place = Place::new();
    let mut log = place.open().unwrap();
    log.begin(&[id(4), id(7), id(9)]).unwrap();
    log.done(id(7)).unwrap();
    // As a kill leaves it.
    drop(log);
    let mut log = place.open().unwrap();
    for (seq, state) in [
        (4, SendState::InDoubt),
        (7, SendState::Done),
        (9, SendState::InDoubt),
        (10, SendState::NeverBegun),
    ] {
        assert_eq!(log.state(id(seq)), state, "{seq}");
    }
    assert!(log.in_doubt().eq([id(4), id(9)]));
    // Repeated under the same id, and then done.
    log.done(id(4)).unwrap();
    log.done(id(9)).unwrap();
    drop(log);
    let log = place.open().unwrap();
    assert_eq!((log.state(id(4)), log.in_doubt().count()), (SendState::Done, 0));
}

#[test]
fn a_sequence_that_comes_again_in_a_later_epoch_is_another_output() {
    let place = Place::new();
    let mut log = place.open().unwrap();
    log.begin(&[id(500)]).unwrap();
    log.done(id(500)).unwrap();
    let again = SendId { epoch: 4, seq: 490 };
    assert_eq!(log.state(again), SendState::NeverBegun);
    log.begin(&[again]).unwrap();
    drop(log);
    assert_eq!(place.open().unwrap().state(again), SendState::InDoubt);
}

#[test]
fn what_breaks_the_rules_is_refused_and_changes_nothing() {
    let place = Place::new();
    let mut log = place.open().unwrap();
    log.begin(&[id(4)]).unwrap();
    let before = std::fs::read(place.path()).unwrap();
    for ids in [&[id(4)][..], &[id(3)], &[id(6), id(5)], &[id(6), id(6)]] {
        assert!(matches!(log.begin(ids), Err(SendLogError::Order { .. })));
    }
    let many: Vec<SendId> = (10..10 + SendLog::OPEN_MAX as u64).map(id).collect();
    assert!(matches!(log.begin(&many), Err(SendLogError::Full { open: 1 })));
    assert!(matches!(log.done(id(5)), Err(SendLogError::NotBegun { .. })));
    assert!(matches!(place.open(), Err(SendLogError::Locked { .. })));
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
    log.done(id(4)).unwrap();
    assert!(matches!(log.done(id(4)), Err(SendLogError::NotBegun { .. })));
    drop(log);
    let other = SendLog::open(&place.path(), JournalId([8; 16]));
    assert!(matches!(other, Err(SendLogError::Foreign { .. })));
}

#[test]
fn an_intent_that_could_not_be_synced_is_not_begun_and_nothing_more_is() {
    let place = Place::new();
    let mut log = place.open().unwrap();
    log.begin(&[id(1)]).unwrap();
    SYNC_FAILS.set(true);
    assert!(matches!(
        log.begin(&[id(2)]),
        Err(SendLogError::Io { op: "sync", .. })
    ));
    SYNC_FAILS.set(false);
    assert_eq!(log.state(id(2)), SendState::NeverBegun);
    // Never retried, though the next sync would succeed.
    assert!(matches!(log.begin(&[id(2)]), Err(SendLogError::Failed { .. })));
    assert!(matches!(log.done(id(1)), Err(SendLogError::Failed { .. })));
    drop(log);
    // Its line did reach the file, so that now it is in doubt: safe, if needless.
    assert_eq!(place.open().unwrap().state(id(2)), SendState::InDoubt);
}

#[test]
fn a_full_file_gives_way_to_one_that_holds_what_is_open() {
    let place = Place::new();
    let mut log = place.open().unwrap();
    let open: Vec<SendId> = (1..SendLog::OPEN_MAX as u64).map(id).collect();
    log.begin(&open).unwrap();
    let last = 3 * (FILE_BYTES / LINE_BYTES) as u64;
    for seq in 2_000..last {
        log.begin(&[id(seq)]).unwrap();
        log.done(id(seq)).unwrap();
    }
    assert!(log.at <= FILE_BYTES);
    assert_eq!(std::fs::metadata(place.path()).unwrap().len(), FILE_BYTES as u64);
    drop(log);
    let mut log = place.open().unwrap();
    assert_eq!(log.state(id(last - 1)), SendState::Done);
    assert_eq!(log.state(id(last)), SendState::NeverBegun);
    assert!(log.in_doubt().eq(open.iter().copied()));
    // One more is open than the next file's last completion leaves room for.
    log.begin(&[id(last)]).unwrap();
    drop(log);
    assert_eq!(place.open().unwrap().in_doubt().count(), SendLog::OPEN_MAX);
}

/// Three groups, each synced before the next. Gives the file and where each group ends.
fn three_groups(place: &Place) -> (Vec<u8>, [usize; 3]) {
    let mut log = place.open().unwrap();
    let mut ends = [0; 3];
    log.begin(&[id(1), id(2)]).unwrap();
    ends[0] = log.at;
    log.done(id(1)).unwrap();
    log.begin(&[id(3)]).unwrap();
    ends[1] = log.at;
    log.done(id(3)).unwrap();
    log.begin(&[id(4), id(5)]).unwrap();
    ends[2] = log.at;
    (std::fs::read(place.path()).unwrap(), ends)
}

#[test]
fn a_torn_tail_takes_nothing_that_was_synced_before_the_last_group() {
    let place = Place::new();
    let (whole, ends) = three_groups(&place);
    for cut in ends[1]..=ends[2] {
        let mut bytes = whole.clone();
        bytes[cut..].fill(0);
        std::fs::write(place.path(), &bytes).unwrap();
        let log = place.open().unwrap();
        // A line's last bytes may be zeros anyway.
        let is_whole = |end: &usize| bytes[..*end] == whole[..*end];
        let lines = (1..=3)
            .take_while(|n| is_whole(&(ends[1] + n * LINE_BYTES)))
            .count();
        assert_eq!(log.state(id(1)), SendState::Done, "{cut}");
        assert_eq!(log.state(id(2)), SendState::InDoubt, "{cut}");
        let third = [SendState::InDoubt, SendState::Done][usize::from(lines > 0)];
        assert_eq!(log.state(id(3)), third, "{cut}");
        let fifth = [SendState::NeverBegun, SendState::InDoubt][usize::from(lines > 2)];
        assert_eq!(log.state(id(5)), fifth, "{cut}");
    }
}

#[test]
fn sectors_of_the_last_group_may_reach_the_disk_in_any_order() {
    let place = Place::new();
    let (mut bytes, ends) = three_groups(&place);
    bytes[ends[1]..ends[1] + LINE_BYTES].fill(0);
    std::fs::write(place.path(), &bytes).unwrap();
    let log = place.open().unwrap();
    assert_eq!(log.state(id(3)), SendState::InDoubt);
    assert_eq!(log.state(id(4)), SendState::NeverBegun);
}

#[test]
fn damage_to_what_was_synced_is_refused() {
    let place = Place::new();
    let (whole, ends) = three_groups(&place);
    for at in 0..ends[1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(place.path(), &bytes).unwrap();
        match place.open() {
            Err(SendLogError::Corrupt { offset, .. }) => assert_eq!(offset, at / LINE_BYTES * LINE_BYTES),
            other => panic!("byte {at}: {other:?}"),
        }
        assert_eq!(std::fs::read(place.path()).unwrap(), bytes);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Begin { count: usize },
    Done { nth: usize },
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1_usize..4).prop_map(|count| Step::Begin { count }),
        any::<usize>().prop_map(|nth| Step::Done { nth }),
        Just(Step::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_knows_what_a_map_knows(steps in prop::collection::vec(step(), 1..60)) {
        let place = Place::new();
        let mut log = place.open().unwrap();
        let mut model: BTreeMap<SendId, SendState> = BTreeMap::new();
        let mut next = 1;
        for step in steps {
            let open: Vec<SendId> = log.in_doubt().collect();
            match step {
                Step::Begin { count } => {
                    let ids: Vec<SendId> = (0..count as u64).map(|i| id(next + 3 * i)).collect();
                    log.begin(&ids).unwrap();
                    model.extend(ids.iter().map(|id| (*id, SendState::InDoubt)));
                    next += 3 * count as u64;
                }
                Step::Done { nth } if !open.is_empty() => {
                    let id = open[nth % open.len()];
                    log.done(id).unwrap();
                    model.insert(id, SendState::Done);
                }
                Step::Done { .. } => {}
                Step::Kill => {
                    drop(log);
                    log = place.open().unwrap();
                }
            }
            for (id, state) in &model {
                prop_assert_eq!(log.state(*id), *state);
            }
            prop_assert_eq!(log.state(id(next)), SendState::NeverBegun);
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(noise in prop::collection::vec(any::<u8>(), 0..400), at in 0_usize..300) {
        let place = Place::new();
        let (mut bytes, _) = three_groups(&place);
        bytes.truncate(at);
        bytes.extend_from_slice(&noise);
        std::fs::write(place.path(), &bytes).unwrap();
        if let Ok(log) = place.open() {
            prop_assert!(log.in_doubt().all(|id| id.epoch == 3 && (1..=5).contains(&id.seq)));
        }
    }
}

#[test]
fn damage_in_a_file_that_was_made_anew_is_seen() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("log");
    let mut log = SendLog::open(&path, JOURNAL).unwrap();
    log.begin(&(1..=10).map(id).collect::<Vec<_>>()).unwrap();
    drop(log);
    drop(SendLog::open(&path, JOURNAL).unwrap());
    let whole = std::fs::read(&path).unwrap();
    for line in 1..=10 {
        let mut damaged = whole.clone();
        damaged[LINE_BYTES * line] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        assert!(matches!(
            SendLog::open(&path, JOURNAL),
            Err(SendLogError::Corrupt { .. })
        ));
    }
}
