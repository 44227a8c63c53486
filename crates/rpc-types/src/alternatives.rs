//! Results that are a text or an object, by what was asked for.
//!
//! serde's `untagged` reads through a buffer, which loses exact numbers when `serde_json` has
//! `arbitrary_precision`; these look at what comes and read it directly.

macro_rules! text_or_object {
    ($name:ident { $text:ident($text_type:ty), $object:ident($object_type:ty) }) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<$name, D::Error> {
                struct Visitor;

                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a text or an object")
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        let text = serde::de::value::StrDeserializer::new(text);
                        <$text_type>::deserialize(text).map($name::$text)
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        map: A,
                    ) -> Result<$name, A::Error> {
                        let object = serde::de::value::MapAccessDeserializer::new(map);
                        <$object_type>::deserialize(object).map($name::$object)
                    }
                }

                deserializer.deserialize_any(Visitor)
            }
        }
    };
}

pub(crate) use text_or_object;
