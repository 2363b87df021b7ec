//! Who is in the shop, and what is wrong with each.

pub(crate) mod clerk;
pub(crate) mod customers;
pub(crate) mod mailer;
pub(crate) mod quarrel;
pub(crate) mod sessions;
pub(crate) mod warehouse;
