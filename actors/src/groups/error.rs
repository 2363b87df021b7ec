use std::error::Error;
use std::fmt;

/// Why a group did not take a member or a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupsError {
    /// The name is empty.
    EmptyName,
    /// The group has no member that takes messages.
    NoMember,
    /// The conversion to the message type of the member whose turn it was has panicked. The message is lost.
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
