// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The record header: one 32-bit word of length and flags, then 32 bits that are the kernel's own.

/// Bytes of a record's header.
pub const HEADER_LEN: u64 = 8;

/// Records start at multiples of this many bytes.
pub const ALIGN: u64 = 8;

/// Set while the record is reserved and not yet committed (`BPF_RINGBUF_BUSY_BIT`).
const BUSY: u32 = 1 << 31;

/// Set at commit when the record is to be skipped (`BPF_RINGBUF_DISCARD_BIT`).
const DISCARD: u32 = 1 << 30;

/// The bits of the length.
const LEN: u32 = DISCARD - 1;

/// The first word of a record's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header(u32);

impl Header {
    /// The header of a record of `len` bytes that has been reserved. A header has 30 bits for them.
    pub fn reserved(len: u32) -> Self {
        Header(len & LEN | BUSY)
    }

    /// This header at commit: no longer busy, and discarded if `discard`.
    pub fn committed(self, discard: bool) -> Self {
        let flag = if discard { DISCARD } else { 0 };
        Header((self.0 & !BUSY) | flag)
    }

    /// The header in memory's word `word`.
    pub fn from_word(word: u32) -> Self {
        Header(word)
    }

    /// The word as it stands in memory.
    pub fn word(self) -> u32 {
        self.0
    }

    /// Whether the record is committed and to be delivered: one comparison for what most records are.
    pub fn is_deliverable(self) -> bool {
        self.0 < DISCARD
    }

    /// Whether the producer has yet to commit the record.
    pub fn is_busy(self) -> bool {
        self.0 & BUSY != 0
    }

    /// Whether the producer has discarded the record.
    #[cfg(test)]
    pub fn is_discarded(self) -> bool {
        self.0 & DISCARD != 0
    }

    /// Bytes of payload.
    pub fn payload_len(self) -> u32 {
        self.0 & LEN
    }

    /// Bytes from this record's start to the next one's: header and payload, rounded up to
    /// [`ALIGN`].
    pub fn span(self) -> u64 {
        let payload = u64::from(self.payload_len());
        // The next header is looked for here: few instructions, and nothing to predict.
        (HEADER_LEN + ALIGN - 1 + payload) & !(ALIGN - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_covers_header_and_payload_in_whole_words() {
        for (len, span) in [(0, 8), (1, 16), (8, 16), (9, 24), (LEN, 1 << 30)] {
            assert_eq!(
                Header::from_word(len).span(),
                span + if len == LEN { 8 } else { 0 }
            );
        }
    }

    #[test]
    fn a_commit_clears_busy_and_keeps_the_length() {
        let reserved = Header::reserved(77);
        assert!(reserved.is_busy() && !reserved.is_discarded());
        for discard in [false, true] {
            let header = reserved.committed(discard);
            assert!(!header.is_busy());
            assert_eq!(header.is_discarded(), discard);
            assert_eq!(header.payload_len(), 77);
        }
    }
}
