use std::error::Error;
use std::fmt;

/// Why a group did not take what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupsError {
    /// The name of a group is not empty.
    EmptyName,
    /// The group has no member that takes messages.
    NoMember,
    /// The code of the member whose turn it was, which makes its own message of it, has panicked. The message has gone
    /// down with that.
    MemberPanicked,
}

impl fmt::Display for GroupsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyName => "the name of a group is empty",
            Self::NoMember => "the group has no member that takes messages",
            Self::MemberPanicked => "the code of a member has panicked, and the message is lost",
        })
    }
}

impl Error for GroupsError {}
