//! In which form messages leave: as they are, compressed for one connection, or compressed once for a class of subscribers.

use std::vec::Vec;

use super::{Hub, Phase};
use crate::buffer::Traffic;
use crate::connection::{Connection, Role};
use crate::pubsub::{Class, Place, TopicId};

impl<D> Hub<D> {
    /// Where what subscribers of a class want lies; compresses what they are the first to want.
    pub(in crate::net) fn collect_for(
        &mut self,
        class: Class,
        position: u64,
        wanted: impl Fn(TopicId) -> bool,
        into: &mut Vec<Place>,
    ) -> Traffic {
        #[cfg(feature = "deflate")]
        if class != Class::Plain {
            self.log.compress(position, class, &wanted, self.output.cork.compressors());
        }
        self.log.collect(position, class, wanted, into)
    }

    /// In which form a connection takes what is published.
    pub(in crate::net) fn class(&self, index: u32) -> Class {
        self.open_connection(index).map_or(Class::Plain, class_of)
    }

    /// What was published, and compressed for many, is behind whatever it has sent: nothing may refer across it.
    pub(in crate::net) fn forget_sent(&mut self, index: u32) {
        if let Some(Phase::Open(conn)) = self.records.get_mut(index).map(|record| &mut record.phase) {
            conn.forget_sent();
        }
    }

    /// Whether what it sends is not what it was given: masked, or compressed.
    pub(in crate::net) fn rewrites(&self, index: u32) -> bool {
        self.open_connection(index).is_some_and(|conn| conn.role() == Role::Client || conn.is_deflated())
    }
}

/// In which form a connection takes what is published. A client shares what was compressed, but masks each frame anew.
#[inline]
pub(in crate::net) fn class_of(conn: &Connection) -> Class {
    #[cfg(feature = "deflate")]
    if conn.is_deflated() {
        return Class::Deflate(conn.send_bits());
    }
    let _ = conn;
    Class::Plain
}
