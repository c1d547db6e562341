//! A document: what was edited, and who is there.

use std::panic::{AssertUnwindSafe, catch_unwind};

use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Doc, ReadTxn, StateVector, Transact, Update};

use crate::awareness::Present;

/// Bytes of all edits of a document.
pub const MAX_BYTES: usize = 512 << 10;
/// Edits beyond which they are made one.
const MANY: usize = 1000;
/// The update in which nothing is.
const NOTHING: &[u8] = &[0, 0];

#[derive(Default)]
pub struct Document {
    pub present: Present,
    doc: Doc,
    /// All edits, as they are in the log; several may be one by now.
    edits: Vec<Vec<u8>>,
    bytes: usize,
    /// Bytes of edits that build upon others which have not come.
    early: usize,
}

/// Why a client cannot stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    NotYjs,
    Full,
    TooMany,
    NotStored,
}

impl Document {
    pub fn state_vector(&self) -> Vec<u8> {
        self.doc.transact().state_vector().encode_v1()
    }

    /// Everything, as one update.
    pub fn whole(&self) -> Vec<u8> {
        self.doc.transact().encode_state_as_update_v1(&StateVector::default())
    }

    /// What somebody does not have.
    pub fn behind(&self, state_vector: &[u8]) -> Result<Vec<u8>, Trouble> {
        let encode = || {
            let state_vector = StateVector::decode_v1(state_vector).map_err(|_| Trouble::NotYjs)?;
            Ok(self.doc.transact().encode_state_as_update_v1(&state_vector))
        };
        catch_unwind(AssertUnwindSafe(encode)).unwrap_or(Err(Trouble::NotYjs))
    }

    /// Takes an edit. Returns what of it is new, if anything.
    pub fn apply(&mut self, update: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
        if self.bytes + self.early + update.len() > MAX_BYTES || self.edits.len() >= MANY {
            self.make_one();
        }
        if self.bytes + self.early + update.len() > MAX_BYTES {
            return Err(Trouble::Full);
        }
        // yrs has panicked on bad updates before.
        let applied = catch_unwind(AssertUnwindSafe(|| {
            let update = Update::decode_v1(update).ok()?;
            let mut transaction = self.doc.transact_mut();
            transaction.apply_update(update).ok()?;
            Some((transaction.encode_update_v1(), transaction.has_missing_updates()))
        }));
        let Ok(Some((news, is_early))) = applied else {
            self.rebuild();
            return Err(Trouble::NotYjs);
        };
        self.early = if is_early { self.early + update.len() } else { 0 };
        if news == NOTHING {
            return Ok(None);
        }
        self.bytes += news.len();
        self.edits.push(news.clone());
        Ok(Some(news))
    }

    /// The last edit did not happen.
    pub fn forget_last(&mut self) {
        self.bytes -= self.edits.pop().map_or(0, |edit| edit.len());
        self.rebuild();
    }

    fn make_one(&mut self) {
        let whole = self.whole();
        self.bytes = whole.len();
        self.edits = vec![whole];
    }

    /// Nobody knows what an edit that failed half-way has left behind.
    fn rebuild(&mut self) {
        self.doc = Doc::new();
        self.early = 0;
        let mut transaction = self.doc.transact_mut();
        for edit in &self.edits {
            // They were applied before.
            let _ = Update::decode_v1(edit).map(|edit| transaction.apply_update(edit));
        }
    }
}

#[cfg(test)]
mod tests {
    use yrs::GetString;

    use super::*;

    /// "hi" at the beginning of the text "t", by client 1.
    const HI: &[u8] = b"\x01\x01\x01\x00\x04\x01\x01t\x02hi\x00";

    fn text(document: &Document) -> String {
        let text = document.doc.get_or_insert_text("t");
        text.get_string(&document.doc.transact())
    }

    #[test]
    fn an_edit_is_what_yjs_writes() {
        let mut document = Document::default();
        assert_eq!((document.state_vector(), document.whole()), (b"\x00".to_vec(), NOTHING.to_vec()));
        assert_eq!(document.apply(HI), Ok(Some(HI.to_vec())));
        assert_eq!(document.state_vector(), b"\x01\x01\x02");
        assert_eq!(document.behind(b"\x00").unwrap(), HI);
        assert_eq!(document.behind(b"\x01\x01\x02").unwrap(), NOTHING);
        assert_eq!(text(&document), "hi");
    }

    #[test]
    fn an_edit_that_is_known_is_no_news() {
        let mut document = Document::default();
        document.apply(HI).unwrap();
        assert_eq!(document.apply(HI), Ok(None));
        assert_eq!(document.apply(NOTHING), Ok(None));
        assert_eq!(document.edits.len(), 1);
    }

    #[test]
    fn what_is_no_edit_is_refused_and_changes_nothing() {
        let mut document = Document::default();
        document.apply(HI).unwrap();
        for cut in 0..HI.len() {
            let _ = document.apply(&HI[..cut]);
        }
        for at in 0..HI.len() {
            for bit in 0..8 {
                let mut wrong = HI.to_vec();
                wrong[at] ^= 1 << bit;
                let mut other = Document::default();
                other.apply(HI).unwrap();
                // Some are other edits.
                let _ = other.apply(&wrong);
                assert!(text(&other).contains("hi") || other.edits.len() > 1, "{wrong:?}");
            }
        }
        assert_eq!(text(&document), "hi");
        assert_eq!(document.apply(b"\xff\xff\xff\xff\x0f"), Err(Trouble::NotYjs));
        assert_eq!(document.behind(b"\xff"), Err(Trouble::NotYjs));
    }

    #[test]
    fn an_edit_that_was_not_stored_is_gone() {
        let mut document = Document::default();
        document.apply(HI).unwrap();
        document.forget_last();
        assert_eq!((text(&document), document.bytes), (String::new(), 0));
        assert_eq!(document.apply(HI), Ok(Some(HI.to_vec())));
    }

    #[test]
    fn a_document_is_bounded_and_many_edits_become_one() {
        let (mut document, doc) = (Document::default(), Doc::new());
        let text = doc.get_or_insert_text("t");
        let edit = |what: &str| {
            let mut transaction = doc.transact_mut();
            yrs::Text::push(&text, &mut transaction, what);
            transaction.encode_update_v1()
        };
        for _ in 0..MANY + 10 {
            document.apply(&edit("x")).unwrap();
        }
        assert!(document.edits.len() < MANY && document.bytes < 10 * MANY);
        document.apply(&edit(&"x".repeat(MAX_BYTES / 2))).unwrap();
        let before = document.whole();
        assert_eq!(document.apply(&edit(&"x".repeat(MAX_BYTES / 2))), Err(Trouble::Full));
        assert_eq!(document.whole(), before);
    }
}
