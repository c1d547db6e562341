//! The core of bowsprit in a program without std: its own allocator, its own panic handler, called from C.
#![no_std]

extern crate alloc;

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

use bowsprit::handshake::{Response, ServerHandshake};
use bowsprit::{CloseCode, Connection, Event, Limits, ReceiveBuffer, SendBuffer, Status, Topics};

/// 0, or the number of the step that went wrong.
#[unsafe(no_mangle)]
pub extern "C" fn bowsprit_no_std() -> i32 {
    if echo() != Some(()) {
        return 1;
    }
    if topics() != Some(()) {
        return 2;
    }
    0
}

/// The handshake of RFC 6455 §1.3, the masked text of §5.7 echoed, a Close answered; all of it in one read.
fn echo() -> Option<()> {
    let (mut input, mut output) = (ReceiveBuffer::with_capacity(Limits::default(), 1024), SendBuffer::new());
    input.extend_from_slice(
        b"GET /chat HTTP/1.1\r\n\
          Host: server.example.com\r\n\
          Upgrade: websocket\r\n\
          Connection: Upgrade\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
          Sec-WebSocket-Version: 13\r\n\
          \r\n\
          \x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x82\x00\x00\x00\x00\x03\xe8",
    );
    let mut handshake = ServerHandshake::new();
    let Status::Complete(request) = handshake.receive(&mut input).ok()? else { return None };
    let negotiated = request.check_upgrade().ok()?.accept(&Response::accept(), &mut output).ok()?;
    let head = output.pending();
    head.windows(28).find(|window| window == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")?;
    output.consume(head.len());

    let mut conn = Connection::server(negotiated);
    while let Some(event) = conn.receive(&mut input, &mut output) {
        match event {
            Event::Message(message) => conn.send(&message, &mut output).ok()?,
            Event::Close(frame) => (frame.code == Some(CloseCode::NORMAL)).then_some(())?,
            _ => return None,
        }
    }
    (output.pending() == b"\x81\x05Hello\x88\x02\x03\xe8").then_some(())
}

fn topics() -> Option<()> {
    let mut topics = Topics::new();
    topics.subscribe(7, "news");
    topics.subscribe(9, "news");
    topics.unsubscribe(7, "news");
    (topics.subscribers("news") == [9]).then_some(())
}

/// Hands out one arena from front to back and takes nothing back.
struct Arena;

const ARENA_LEN: usize = 1 << 20;
static mut ARENA: [u128; ARENA_LEN / 16] = [0; ARENA_LEN / 16];
static USED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call gets its own bytes of the arena, aligned as asked, or null.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let len = layout.size() + layout.align();
        let start = USED.fetch_add(len, Ordering::Relaxed);
        if start + len > ARENA_LEN {
            return null_mut();
        }
        let start = start.next_multiple_of(layout.align());
        // SAFETY: `start` plus the size is inside the arena, checked above. The arena itself is aligned to 16.
        if layout.align() <= 16 { unsafe { (&raw mut ARENA).cast::<u8>().add(start) } } else { null_mut() }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Arena = Arena;

unsafe extern "C" {
    fn abort() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: C's abort may be called at any time.
    unsafe { abort() }
}
