//! Where attachments belong in a packet: `{"_placeholder":true,"num":0}`.

use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Packet, PacketError};

/// Checks that every placeholder stands for one of the attachments. One may stand for it twice, or none.
///
/// # Errors
///
/// [`PacketError::Placeholder`].
pub fn check_placeholders(packet: &Packet<'_>) -> Result<(), PacketError> {
    let count = packet.attachments.unwrap_or(0) as u64;
    for value in packet.arguments() {
        // The usual case: none inside.
        if value.get().contains("_placeholder") || value.get().contains("\\u") {
            let mut json = serde_json::Deserializer::from_str(value.get());
            Walk(count).deserialize(&mut json).map_err(|_| PacketError::Placeholder)?;
        }
    }
    Ok(())
}

/// Goes through a value without building anything of it.
#[derive(Clone, Copy)]
struct Walk(u64);

/// What a member of an object can be to a placeholder.
enum Member {
    True,
    Number(f64),
    Other,
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Member, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Member, E> {
        Ok(if value { Member::True } else { Member::Other })
    }

    fn visit_u64<E>(self, value: u64) -> Result<Member, E> {
        Ok(Member::Number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Member, E> {
        Ok(Member::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Member, E> {
        Ok(Member::Number(value))
    }

    fn visit_str<E>(self, _: &str) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_unit<E>(self) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Member, A::Error> {
        while list.next_element_seed(self)?.is_some() {}
        Ok(Member::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Member, A::Error> {
        let (mut is_placeholder, mut num) = (false, None);
        while let Some(key) = map.next_key_seed(Key)? {
            let value = map.next_value_seed(self)?;
            match key {
                Name::Placeholder => is_placeholder = matches!(value, Member::True),
                Name::Num => num = if let Member::Number(num) = value { Some(num) } else { None },
                Name::Other => {}
            }
        }
        let valid = num.is_some_and(|num| num.fract() == 0.0 && num >= 0.0 && num < self.0 as f64);
        if is_placeholder && !valid {
            return Err(A::Error::custom("illegal attachments"));
        }
        Ok(Member::Other)
    }
}

/// The keys that matter.
struct Key;

enum Name {
    Placeholder,
    Num,
    Other,
}

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Name, E> {
        Ok(match key {
            "_placeholder" => Name::Placeholder,
            "num" => Name::Num,
            _ => Name::Other,
        })
    }
}
