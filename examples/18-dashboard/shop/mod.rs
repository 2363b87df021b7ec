//! The actors of the shop, and the trouble that each of them makes.

pub(crate) mod clerk;
pub(crate) mod customers;
pub(crate) mod mailer;
pub(crate) mod quarrel;
pub(crate) mod sessions;
pub(crate) mod warehouse;
