//! The serialized forms of times and verdicts.

/// A time as whole milliseconds, rounded down. The field's name says so.
pub(super) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    fn number(time: Duration) -> u64 {
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    }

    pub(in crate::observe) fn serialize<S: Serializer>(
        time: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_u64(number(*time))
    }

    pub(in crate::observe) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }

    /// An optional time.
    pub(in crate::observe) mod option {
        use std::time::Duration;

        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        pub(in crate::observe) fn serialize<S: Serializer>(
            time: &Option<Duration>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            time.map(super::number).serialize(to)
        }

        pub(in crate::observe) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<u64>::deserialize(from)?.map(Duration::from_millis))
        }
    }
}

/// A time as whole nanoseconds, for sums of many short times. The field's name says so.
pub(super) mod nanos {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::observe) fn serialize<S: Serializer>(
        time: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(in crate::observe) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_nanos)
    }
}

/// A verdict as data together with its sentence, for those who only show it.
pub(super) mod verdict_form {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::observe::Verdict;

    #[derive(Serialize)]
    struct Shown<'a> {
        #[serde(flatten)]
        verdict: &'a Verdict,
        sentence: String,
    }

    pub(in crate::observe) fn serialize<S: Serializer>(
        verdict: &Verdict,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let sentence = verdict.to_string();
        Shown { verdict, sentence }.serialize(to)
    }

    pub(in crate::observe) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Verdict, D::Error> {
        Verdict::deserialize(from)
    }
}
