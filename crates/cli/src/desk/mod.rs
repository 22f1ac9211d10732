//! A core with everything around it: journal, threads, sources. Live for the demo, from recordings for `run`.

pub(crate) mod feed;
pub(crate) mod floor;
pub(crate) mod live;
pub(crate) mod playback;
pub(crate) mod rig;
pub(crate) mod story;
pub(crate) mod tally;
