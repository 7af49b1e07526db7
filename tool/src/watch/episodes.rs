// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! For each ring: whether its reader is stuck at present, how often it was rescued, when it may be kicked again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A reader that a kick does not move is kicked again after this, then after twice as long each time,
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(64);

#[derive(Debug, Default)]
struct Episode {
    /// It is stuck now; whether that is certain.
    now: Option<bool>,
    rescues: u64,
    pause: Option<(Instant, Duration)>,
}

/// Those of all rings.
#[derive(Debug, Default)]
pub struct Episodes {
    rings: BTreeMap<u32, Episode>,
    /// Of rings that are gone.
    gone: u64,
}

impl Episodes {
    /// It is stuck, or suspected. Whether that is news.
    pub fn begin(&mut self, ring: u32, certain: bool) -> bool {
        let episode = self.rings.entry(ring).or_default();
        episode.now.replace(certain) != Some(certain)
    }

    /// Its reader is not asleep.
    pub fn over(&mut self, ring: u32) {
        if let Some(episode) = self.rings.get_mut(&ring) {
            episode.now = None;
        }
    }

    /// Its reader has moved. Whether that is what a kick has brought which seemed to have done nothing: on a busy machine
    /// a reader that was woken may not run for longer than we wait.
    pub fn moved(&mut self, ring: u32) -> bool {
        self.over(ring);
        let episode = self.rings.get_mut(&ring);
        episode.is_some_and(|episode| {
            let late = episode.pause.take().is_some();
            episode.rescues += u64::from(late);
            late
        })
    }

    /// Whether the last kick that did nothing is long enough ago.
    pub fn may_kick(&self, ring: u32, now: Instant) -> bool {
        let pause = self.rings.get(&ring).and_then(|episode| episode.pause);
        pause.is_none_or(|(since, pause)| now.duration_since(since) >= pause)
    }

    /// It was kicked.
    pub fn kicked(&mut self, ring: u32, now: Instant, woken: bool) {
        let episode = self.rings.entry(ring).or_default();
        if woken {
            episode.rescues += 1;
            episode.pause = None;
        } else {
            let pause = episode.pause.map_or(FIRST_PAUSE, |(_, pause)| pause * 2);
            episode.pause = Some((now, pause.min(LONGEST_PAUSE)));
        }
    }

    /// How often it was rescued.
    pub fn rescues(&self, ring: u32) -> u64 {
        self.rings.get(&ring).map_or(0, |episode| episode.rescues)
    }

    /// Rings that were rescued, with how often.
    pub fn all(&self) -> Vec<(u32, u64)> {
        let all = self
            .rings
            .iter()
            .map(|(ring, episode)| (*ring, episode.rescues));
        all.filter(|(_, rescues)| *rescues > 0).collect()
    }

    /// Of all rings, those that are gone too.
    pub fn total(&self) -> u64 {
        self.gone
            + self
                .rings
                .values()
                .map(|episode| episode.rescues)
                .sum::<u64>()
    }

    /// Forgets the rings that are gone, but for their rescues.
    pub fn retain(&mut self, alive: impl Fn(&u32) -> bool) {
        let gone = &mut self.gone;
        self.rings.retain(|ring, episode| {
            let keep = alive(ring);
            *gone += if keep { 0 } else { episode.rescues };
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_does_not_move_is_kicked_less_and_less() {
        let mut episodes = Episodes::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(episodes.may_kick(1, start));
        episodes.kicked(1, start, false);
        assert!(!episodes.may_kick(1, start));
        assert!(episodes.may_kick(1, after(1)));
        episodes.kicked(1, after(1), false);
        assert!(!episodes.may_kick(1, after(2)) && episodes.may_kick(1, after(3)));
        episodes.kicked(1, after(3), true);
        assert!(episodes.may_kick(1, after(3)));
        for _ in 0..20 {
            episodes.kicked(1, start, false);
        }
        assert!(episodes.may_kick(1, after(64)));
    }

    #[test]
    fn rescues_are_counted_also_of_rings_that_are_gone() {
        let mut episodes = Episodes::default();
        let now = Instant::now();
        episodes.kicked(1, now, true);
        episodes.kicked(1, now, true);
        episodes.kicked(2, now, true);
        assert_eq!(episodes.all(), [(1, 2), (2, 1)]);
        episodes.retain(|ring| *ring == 2);
        assert_eq!((episodes.total(), episodes.all()), (3, vec![(2, 1)]));
    }

    #[test]
    fn a_reader_that_moves_late_was_rescued_too() {
        let mut episodes = Episodes::default();
        let now = Instant::now();
        assert!(!episodes.moved(1));
        episodes.kicked(1, now, false);
        assert!(episodes.moved(1));
        assert_eq!(episodes.rescues(1), 1);
        assert!(!episodes.moved(1) && episodes.may_kick(1, now));
        episodes.kicked(1, now, true);
        assert!(!episodes.moved(1));
        assert_eq!(episodes.rescues(1), 2);
    }

    #[test]
    fn what_is_stuck_is_said_once() {
        let mut episodes = Episodes::default();
        assert!(episodes.begin(1, false));
        assert!(!episodes.begin(1, false));
        assert!(episodes.begin(1, true));
        episodes.over(1);
        assert!(episodes.begin(1, true));
    }
}
