//! An ask has one reply.

use tenure::ReplyTo;

fn reply_twice(reply: ReplyTo<u32>) {
    reply.send(1);
    reply.send(2);
}

fn main() {}
