//! The programs of docs/guide.md, from echo to chat; each is whole and can be copied out as a `main.rs` of its own.
//!
//! ```text
//! cargo run --example guide -- echo
//! ```

pub mod acks;
pub mod backpressure;
pub mod broadcast;
pub mod client;
#[cfg(feature = "deflate")]
pub mod compression;
pub mod echo;
pub mod history;
pub mod limits;
pub mod names;
pub mod page;
pub mod proxy;
pub mod text;
pub mod workers;

fn main() -> std::io::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("echo") => echo::main(),
        Some("text") => text::main(),
        Some("broadcast") => broadcast::main(),
        Some("names") => names::main(),
        Some("history") => history::main(),
        Some("acks") => acks::main(),
        Some("client") => client::main(),
        Some("page") => page::main(),
        Some("backpressure") => backpressure::main(),
        Some("limits") => limits::main(),
        Some("proxy") => proxy::main(),
        Some("workers") => workers::main(),
        #[cfg(feature = "deflate")]
        Some("compression") => compression::main(),
        _ => Err(std::io::Error::other("which step? See docs/guide.md")),
    }
}
