//! A message goes from thread to thread.

use std::rc::Rc;

use tenure::prelude::*;

struct Clerk;

impl Actor for Clerk {
    type Msg = Rc<u32>;

    async fn handle(&mut self, _: Rc<u32>, _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

fn main() {}
