//! Types that refuse a bad value while it is being read, each with a message that says what was expected.
//!
//! They hold no logic of any room.

use std::fmt::Write as _;

mod bytes;
mod duration;
mod endpoint;
mod host_port;
mod name;
mod network;
mod pattern;
mod redact;
mod secret;
mod secret_source;
mod shown;

pub use bytes::Size;
pub use duration::Duration;
pub use endpoint::{Endpoint, Scheme};
pub use host_port::HostPort;
pub use name::Name;
pub use network::Network;
pub use pattern::Pattern;
pub use redact::redacted;
pub use secret::Secret;
pub use secret_source::SecretSource;
pub use shown::{clean, is_harmless, is_unseen, repeated};

/// The kernel's own sentence without the number behind it, in lower case: `connection refused`.
pub fn io_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    let sentence = text.split(" (os error").next().unwrap_or(&text);
    sentence.to_lowercase()
}

/// In lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// `Deserialize` by way of `FromStr`: the value is a string and the error is the type's own sentence.
macro_rules! deserialize_from_str {
    ($type:ty, $what:literal) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $type;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($what)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    };
}
pub(crate) use deserialize_from_str;

/// `Serialize` by way of `Display`, for types whose text is read back: defaults in the example configuration.
macro_rules! serialize_as_str {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}
pub(crate) use serialize_as_str;
