//! A disk that keeps what is written apart from what is durable, and the images that a power cut may leave of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::tap::Op;
use super::{Random, choose};

/// The unit in which the operating system writes back.
pub(crate) const PAGE: usize = 4096;
/// The unit in which a disk writes.
pub(crate) const SECTOR: usize = 512;

/// Files by name.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// What became of the bytes that were written and not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate<'a> {
    /// None of them reached the disk.
    Lost,
    /// All did.
    Kept,
    /// Each page as it stood after any one of the writes.
    Pages,
    /// Each sector.
    Sectors,
    /// Each sector, and one of them is half of one time and half of another.
    TornSector,
    /// Each sector, and what was written to some of them is what the disk held there before: bytes of these files.
    Stale(&'a Image),
    /// Each sector, and one bit of what was written is another.
    Flipped,
}

/// What became of the entries of the directory that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entries {
    Kept,
    /// The last ones are lost.
    Prefix,
    /// Any of them are lost.
    Any,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Clone, Debug, Default)]
struct FileState {
    synced: Vec<u8>,
    /// What was done since the last sync, in order.
    changes: Vec<Change>,
    /// Changes before this one were in a sync that failed: no later sync makes them durable.
    dropped: usize,
}

#[derive(Clone, Debug)]
enum Link {
    Add(String, usize),
    Rename(String, String, usize),
    Remove(String),
}

/// The archive's directory on a disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    files: Vec<FileState>,
    live: BTreeMap<String, usize>,
    synced: BTreeMap<String, usize>,
    links: Vec<Link>,
    links_dropped: usize,
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, bytes } => {
            let end = at + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*at..end].copy_from_slice(bytes);
        }
        Change::Length(bytes) => content.resize(*bytes, 0),
    }
}

fn link(entries: &mut BTreeMap<String, usize>, link: &Link) {
    match link {
        Link::Add(name, file) => drop(entries.insert(name.clone(), *file)),
        Link::Rename(from, to, file) => {
            entries.remove(from);
            entries.insert(to.clone(), *file);
        }
        Link::Remove(name) => drop(entries.remove(name)),
    }
}

impl FileState {
    fn now(&self) -> Vec<u8> {
        let mut content = self.synced.clone();
        self.changes.iter().for_each(|change| apply(&mut content, change));
        content
    }

    /// Makes the changes durable, but for pages that only a failed sync had in it.
    fn sync(&mut self) {
        let now = self.now();
        let mut pages = BTreeSet::new();
        for change in self.changes.drain(..).skip(self.dropped) {
            apply(&mut self.synced, &change);
            if let Change::Write { at, bytes } = &change {
                pages.extend(at / PAGE..(at + bytes.len()).div_ceil(PAGE));
            }
        }
        for page in 0..now.len().div_ceil(PAGE) {
            let part = page * PAGE..((page + 1) * PAGE).min(now.len());
            if self.dropped > 0 && self.synced.get(part.clone()) != Some(&now[part.clone()]) {
                let write = Change::Write {
                    at: part.start,
                    bytes: now[part.clone()].to_vec(),
                };
                if pages.contains(&page) {
                    apply(&mut self.synced, &write);
                } else {
                    self.changes.push(write);
                }
            }
        }
        self.dropped = self.changes.len();
    }

    /// How it stood after each change, from none to all.
    fn versions(&self) -> Vec<Vec<u8>> {
        let mut versions = vec![self.synced.clone()];
        for change in &self.changes {
            let mut next = versions.last().expect("the first").clone();
            apply(&mut next, change);
            versions.push(next);
        }
        versions
    }

    /// Bytes that were written and not synced.
    fn unsynced(&self) -> Vec<Range<usize>> {
        let writes = self.changes.iter().filter_map(|change| match change {
            Change::Write { at, bytes } => Some(*at..at + bytes.len()),
            Change::Length(_) => None,
        });
        writes.collect()
    }

    /// The bytes after a power cut.
    fn cut(&self, name: &str, fate: Fate<'_>, random: &mut Random) -> Vec<u8> {
        if self.changes.is_empty() {
            return self.synced.clone();
        }
        let versions = self.versions();
        let newest = versions.len() - 1;
        let unit = match fate {
            Fate::Lost => return self.synced.clone(),
            Fate::Kept => return versions[newest].clone(),
            Fate::Pages => PAGE,
            _ => SECTOR,
        };
        // Mostly all or nothing of a unit, as both ends are where rules break.
        let pick = |random: &mut Random| match choose(random, 4) {
            0 => 0,
            1 => newest,
            _ => choose(random, newest + 1),
        };
        let len = versions[pick(random)].len();
        let mut content = vec![0; len];
        let sectors = if choose(random, 2) == 0 {
            1
        } else {
            len.div_ceil(SECTOR).max(1)
        };
        let torn = choose(random, sectors) * SECTOR;
        for at in (0..len).step_by(unit) {
            let end = (at + unit).min(len);
            copy(&mut content, &versions[pick(random)], at..end);
            if fate == Fate::TornSector && at == torn {
                // A header's fields stand at the front of its sector.
                let split = match choose(random, 2) {
                    0 => at + choose(random, end - at),
                    _ => (at + 8 * choose(random, 4)).min(end),
                };
                copy(&mut content, &versions[pick(random)], at..split);
            }
        }
        match fate {
            Fate::Stale(donors) => self.make_stale(&mut content, name, donors, random),
            Fate::Flipped => self.flip(&mut content, random),
            _ => {}
        }
        content
    }

    fn make_stale(&self, content: &mut [u8], name: &str, donors: &Image, random: &mut Random) {
        // A copy of this segment that a start makes is younger than anything that the disk held here before.
        let stem = name.split('.').next().expect("a name");
        let older = donors.iter().filter(|(other, _)| !other.starts_with(stem));
        let number = name.split('-').next().expect("a name");
        let same_number = older.clone().filter(|(other, _)| other.starts_with(number));
        let mut donor: Vec<&Vec<u8>> = same_number.map(|(_, bytes)| bytes).collect();
        if donor.is_empty() || choose(random, 3) == 0 {
            donor = older.map(|(_, bytes)| bytes).collect();
        }
        if donor.is_empty() {
            return;
        }
        let donor = donor[choose(random, donor.len())];
        let shift = if choose(random, 3) == 0 {
            choose(random, 40) * 64
        } else {
            0
        };
        let share = 1 + choose(random, 4);
        for at in (0..content.len()).step_by(SECTOR) {
            if choose(random, share) > 0 {
                continue;
            }
            for written in self.unsynced() {
                let within = written.start.max(at)..written.end.min(at + SECTOR).min(content.len());
                if within.start < within.end {
                    let from = within.start + shift..within.end + shift;
                    if let Some(bytes) = donor.get(from) {
                        content[within].copy_from_slice(bytes);
                    }
                }
            }
        }
    }

    fn flip(&self, content: &mut [u8], random: &mut Random) {
        let written = self.unsynced();
        if written.is_empty() {
            return;
        }
        let range = written[choose(random, written.len())].clone();
        let at = range.start + choose(random, range.len());
        if let Some(byte) = content.get_mut(at) {
            *byte ^= 1 << choose(random, 8);
        }
    }
}

/// Copies a part of `from`, which holds zeros behind its end.
fn copy(to: &mut [u8], from: &[u8], part: Range<usize>) {
    for at in part {
        to[at] = from.get(at).copied().unwrap_or(0);
    }
}

impl Disk {
    /// A disk that holds an image, durably.
    pub(crate) fn holding(image: &Image) -> Disk {
        let mut disk = Disk::default();
        for (name, bytes) in image {
            disk.live.insert(name.clone(), disk.files.len());
            disk.files.push(FileState {
                synced: bytes.clone(),
                ..FileState::default()
            });
        }
        disk.synced = disk.live.clone();
        disk
    }

    fn file(&mut self, name: &str) -> &mut FileState {
        let file = *self.live.get(name).expect("a file that was made");
        &mut self.files[file]
    }

    fn link(&mut self, new: Link) {
        link(&mut self.live, &new);
        self.links.push(new);
    }

    pub(crate) fn apply(&mut self, op: &Op) {
        match op {
            Op::Create(name) if self.live.contains_key(name) => {
                self.file(name).changes.push(Change::Length(0));
            }
            Op::Create(name) => {
                self.files.push(FileState::default());
                self.link(Link::Add(name.clone(), self.files.len() - 1));
            }
            Op::Write { name, at, bytes } => {
                let (at, bytes) = (*at as usize, bytes.clone());
                self.file(name).changes.push(Change::Write { at, bytes });
            }
            Op::Truncate { name, bytes } => self.file(name).changes.push(Change::Length(*bytes as usize)),
            Op::Sync(name) => self.file(name).sync(),
            Op::SyncFailed(name) => {
                let file = self.file(name);
                file.dropped = file.changes.len();
            }
            Op::Rename { from, to } => {
                let file = *self.live.get(from).expect("a file that was made");
                self.link(Link::Rename(from.clone(), to.clone(), file));
            }
            Op::Remove(name) => self.link(Link::Remove(name.clone())),
            Op::SyncDir => self.sync_dir(),
            Op::SyncDirFailed => self.links_dropped = self.links.len(),
        }
    }

    /// Makes the entries durable, but for those that only a failed sync had in it.
    fn sync_dir(&mut self) {
        let kept = self.links.split_off(self.links_dropped);
        for new in &kept {
            link(&mut self.synced, new);
        }
        let added = self
            .live
            .iter()
            .filter(|(name, file)| self.synced.get(*name) != Some(file));
        let added = added.map(|(name, file)| Link::Add(name.clone(), *file));
        let removed = self.synced.keys().filter(|name| !self.live.contains_key(*name));
        self.links = added
            .chain(removed.map(|name| Link::Remove(name.clone())))
            .collect();
        self.links_dropped = self.links.len();
    }

    /// Whether anything is not durable.
    pub(crate) fn is_synced(&self) -> bool {
        self.links.is_empty()
            && self
                .live
                .values()
                .all(|file| self.files[*file].changes.is_empty())
    }

    /// What everybody sees while the power is on.
    pub(crate) fn now(&self) -> Image {
        let files = self.live.iter();
        files
            .map(|(name, file)| (name.clone(), self.files[*file].now()))
            .collect()
    }

    /// Bytes of a file that were written and not synced.
    pub(crate) fn unsynced(&self, name: &str) -> Vec<Range<usize>> {
        self.live
            .get(name)
            .map_or_else(Vec::new, |file| self.files[*file].unsynced())
    }

    /// What a power cut leaves.
    pub(crate) fn cut(&self, fate: Fate<'_>, entries: Entries, random: &mut Random) -> Image {
        let mut names = self.synced.clone();
        let kept = match entries {
            _ if fate == Fate::Lost => 0,
            Entries::Prefix => choose(random, self.links.len() + 1),
            Entries::Kept | Entries::Any => self.links.len(),
        };
        for new in &self.links[..kept] {
            if entries != Entries::Any || choose(random, 2) == 0 {
                link(&mut names, new);
            }
        }
        let files = names.into_iter();
        files
            .map(|(name, file)| {
                let bytes = self.files[file].cut(&name, fate, random);
                (name, bytes)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::random;

    fn write(name: &str, at: u64, byte: u8) -> Op {
        Op::Write {
            name: name.into(),
            at,
            bytes: vec![byte; SECTOR],
        }
    }

    #[test]
    fn only_what_is_synced_is_sure() {
        let mut disk = Disk::default();
        let random = &mut random(1);
        disk.apply(&Op::Create("a".into()));
        disk.apply(&write("a", 0, 1));
        disk.apply(&Op::Sync("a".into()));
        assert!(disk.cut(Fate::Lost, Entries::Kept, random).is_empty());
        disk.apply(&Op::SyncDir);
        disk.apply(&write("a", SECTOR as u64, 2));
        assert!(!disk.is_synced());
        let lost = disk.cut(Fate::Lost, Entries::Kept, random);
        assert_eq!(lost["a"], [1; SECTOR]);
        let kept = disk.cut(Fate::Kept, Entries::Kept, random);
        assert_eq!(kept["a"].len(), 2 * SECTOR);
        assert_eq!(kept, disk.now());
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let mut image = disk.cut(Fate::Sectors, Entries::Kept, random);
            let bytes = image.remove("a").expect("its entry is durable");
            assert_eq!(bytes[..SECTOR], [1; SECTOR]);
            seen.insert((bytes.len(), bytes.last().copied()));
        }
        // Short, long and written, long and still zeros.
        assert_eq!(seen.len(), 3, "{seen:?}");
    }

    #[test]
    fn a_failed_sync_is_not_made_good_by_the_next() {
        let mut disk = Disk::default();
        let random = &mut random(1);
        for op in [Op::Create("a".into()), Op::SyncDir, write("a", 0, 1)] {
            disk.apply(&op);
        }
        disk.apply(&Op::SyncFailed("a".into()));
        disk.apply(&Op::Sync("a".into()));
        assert!(disk.cut(Fate::Lost, Entries::Kept, random)["a"].is_empty());
        assert_eq!(disk.cut(Fate::Kept, Entries::Kept, random)["a"], [1; SECTOR]);
    }

    #[test]
    fn entries_are_lost_apart_from_bytes() {
        let mut disk = Disk::default();
        let random = &mut random(1);
        for op in [
            Op::Create("a".into()),
            write("a", 0, 1),
            Op::Sync("a".into()),
            Op::SyncDir,
        ] {
            disk.apply(&op);
        }
        let (from, to) = ("a".into(), "b".into());
        disk.apply(&Op::Rename { from, to });
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..50 {
            let image = disk.cut(Fate::Sectors, Entries::Prefix, random);
            assert_eq!(image.len(), 1);
            seen.extend(image.into_keys());
        }
        assert_eq!(seen.len(), 2, "{seen:?}");
    }
}
