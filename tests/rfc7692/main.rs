//! RFC 7692, a file per section. A test's name begins with the row of RFC-NOTES.md that it proves.
#![cfg(feature = "deflate")]

#[path = "../support/mod.rs"]
mod support;

mod messages;

mod section_5_negotiation;
mod section_6_framing;
mod section_7_1_parameters;
mod section_7_2_1_compression;
mod section_7_2_2_decompression;
mod section_7_2_3_examples;
mod section_8_security;
