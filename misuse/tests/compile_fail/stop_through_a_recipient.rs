//! Who may only send may not stop.

use tenure::Recipient;

fn stop(recipient: Recipient<u32>) {
    drop(recipient.stop());
    drop(recipient.kill());
}

fn main() {}
